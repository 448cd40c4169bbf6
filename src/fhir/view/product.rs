//! The rows of parts of a view, and how those of parts beside each other are joined.

use super::value::ViewValue;

/// Rows of a part of a view: as many values for each as the part has columns.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PartialRows<'t> {
    pub(super) count: usize,
    pub(super) values: Vec<ViewValue<'t>>,
}

impl<'t> PartialRows<'t> {
    /// The rows, one after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[ViewValue<'t>]> {
        (0..self.count).map(|at| self.row(at))
    }

    /// The row of a number below the count.
    fn row(&self, at: usize) -> &[ViewValue<'t>] {
        let width = self.values.len() / self.count;
        &self.values[at * width..(at + 1) * width]
    }
}

/// Joins the rows of several parts, each with all of the others; the last part changes first.
pub(super) fn each_product<'t, E>(
    own: &[ViewValue<'t>],
    factors: &[PartialRows<'t>],
    row: &mut dyn FnMut(&[&ViewValue<'t>]) -> Result<(), E>,
) -> Result<(), E> {
    if factors.iter().any(|part| part.count == 0) {
        return Ok(());
    }
    // Most views have one part.
    if let ([], [part]) = (own, factors) {
        let mut only = Vec::with_capacity(part.values.len() / part.count);
        for values in part.iter() {
            only.clear();
            only.extend(values);
            row(&only)?;
        }
        return Ok(());
    }
    let mut places = vec![0; factors.len()];
    let mut joined: Vec<&ViewValue<'t>> = own.iter().collect();
    // Where the values of each part begin in the joined row.
    let mut starts = Vec::with_capacity(factors.len());
    for part in factors {
        starts.push(joined.len());
        joined.extend(part.row(0));
    }
    loop {
        row(&joined)?;
        // The parts behind one that goes on begin anew.
        let Some(part) =
            (0..factors.len()).rev().find(|part| places[*part] + 1 < factors[*part].count)
        else {
            return Ok(());
        };
        places[part] += 1;
        places[part + 1..].fill(0);
        joined.truncate(starts[part]);
        for (part, place) in places.iter().enumerate().skip(part) {
            joined.extend(factors[part].row(*place));
        }
    }
}
