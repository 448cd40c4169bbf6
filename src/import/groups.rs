//! Groups of nodes that depend on each other: the strongly connected components of a graph.
//!
//! Tarjan's algorithm, "Depth-first search and linear graph algorithms" (1972), without recursion:
//! chains of a hundred thousand links cost no stack.

/// Not visited yet.
const NEW: usize = usize::MAX;

/// Lists the groups of a graph, each after all groups that it depends on. `on` lists the nodes that
/// each node depends on.
pub(super) fn of(on: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    // The order of visits, and the earliest node on the path that each node reaches.
    let (mut visited, mut low) = (vec![NEW; on.len()], vec![NEW; on.len()]);
    let mut is_open = vec![false; on.len()];
    let (mut open, mut path, mut next) = (Vec::new(), Vec::new(), 0);
    for start in 0..on.len() {
        if visited[start] != NEW {
            continue;
        }
        path.push((start, 0));
        while let Some((node, step)) = path.pop() {
            if step == 0 {
                (visited[node], low[node]) = (next, next);
                next += 1;
                open.push(node);
                is_open[node] = true;
            } else {
                // Back from the target before.
                let target: usize = on[node][step - 1];
                if is_open[target] {
                    low[node] = low[node].min(low[target]);
                }
            }
            let unvisited = on[node][step..].iter().position(|target| {
                if is_open[*target] {
                    low[node] = low[node].min(visited[*target]);
                }
                visited[*target] == NEW
            });
            if let Some(skipped) = unvisited {
                let step = step + skipped;
                path.push((node, step + 1));
                path.push((on[node][step], 0));
            } else if low[node] == visited[node] {
                let first = open.iter().rposition(|member| *member == node).unwrap_or(0);
                let group: Vec<usize> = open.drain(first..).collect();
                group.iter().for_each(|member| is_open[*member] = false);
                groups.push(group);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_groups_and_targets_come_first() {
        let sorted = |on: &[Vec<usize>]| {
            let mut groups = of(on);
            groups.iter_mut().for_each(|group| group.sort_unstable());
            groups
        };
        assert_eq!(sorted(&[vec![1], vec![2], vec![]]), [vec![2], vec![1], vec![0]]);
        let on = [vec![1, 3], vec![2], vec![0], vec![4], vec![3, 5], vec![5]];
        assert_eq!(sorted(&on), [vec![5], vec![3, 4], vec![0, 1, 2]]);
        assert_eq!(sorted(&[vec![0, 1], vec![]]), [vec![1], vec![0]]);
        let chain: Vec<Vec<usize>> = (0..200_000).map(|node| vec![(node + 1) % 200_000]).collect();
        assert_eq!(of(&chain).len(), 1);
        let open: Vec<Vec<usize>> =
            (0..200_000).map(|node| vec![(node + 1).min(199_999)]).collect();
        assert_eq!(of(&open).len(), 200_000);
    }
}
