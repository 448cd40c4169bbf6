//! What two versions of a resource differ in, line by line.
//!
//! The longest common sequence of lines stays; what is before and behind the first and the last difference is cut off
//! first. Where the rest is too long for a table of lengths, all of it counts as replaced.

/// The most cells of the table.
const MOST_CELLS: usize = 4_000_000;
/// How many equal lines are shown around a difference.
const AROUND: usize = 3;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFate {
    /// Both have it.
    Same,
    /// Only the first has it.
    Gone,
    /// Only the second has it.
    New,
    /// So many equal lines are not shown.
    Skipped(usize),
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// What became of it.
    pub fate: LineFate,
    /// Its text.
    pub text: String,
}

impl DiffLine {
    /// The sign in front, which says the same as the colour.
    pub fn sign(&self) -> &'static str {
        match self.fate {
            LineFate::Gone => "−",
            LineFate::New => "+",
            LineFate::Same | LineFate::Skipped(_) => " ",
        }
    }

    /// The class of the style sheet.
    pub fn class(&self) -> &'static str {
        match self.fate {
            LineFate::Gone => "gone",
            LineFate::New => "come",
            LineFate::Same => "same",
            LineFate::Skipped(_) => "skipped",
        }
    }
}

/// The differences between two texts, with a few equal lines around each; none where they are the same.
pub fn differences(first: &[String], second: &[String]) -> Vec<DiffLine> {
    let all = every_line(first, second);
    let is_near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        let to = (at + AROUND + 1).min(all.len());
        all[from..to].iter().any(|line| line.fate != LineFate::Same)
    };
    let mut shown: Vec<DiffLine> = Vec::new();
    for (at, line) in all.iter().enumerate() {
        match shown.last_mut().map(|last| &mut last.fate) {
            _ if is_near(at) => shown.push(line.clone()),
            Some(LineFate::Skipped(count)) => *count += 1,
            _ => shown.push(DiffLine { fate: LineFate::Skipped(1), text: String::new() }),
        }
    }
    for line in &mut shown {
        if let LineFate::Skipped(count) = line.fate {
            line.text = match count {
                1 => "… one line is the same".to_owned(),
                _ => format!("… {count} lines are the same"),
            };
        }
    }
    if shown.iter().all(|line| matches!(line.fate, LineFate::Skipped(_))) {
        Vec::new()
    } else {
        shown
    }
}

fn every_line(first: &[String], second: &[String]) -> Vec<DiffLine> {
    let before = first.iter().zip(second).take_while(|(one, other)| one == other).count();
    let (rest, of_second) = (&first[before..], &second[before..]);
    let pairs = rest.iter().rev().zip(of_second.iter().rev());
    let behind = pairs.take_while(|(one, other)| one == other).count();
    let (gone, new) = (&rest[..rest.len() - behind], &of_second[..of_second.len() - behind]);
    let mut lines = Vec::with_capacity(first.len() + new.len());
    let mut add = |fate, text: &String| lines.push(DiffLine { fate, text: text.clone() });
    first[..before].iter().for_each(|line| add(LineFate::Same, line));
    for (fate, line) in middle(gone, new) {
        add(fate, line);
    }
    rest[rest.len() - behind..].iter().for_each(|line| add(LineFate::Same, line));
    lines
}

/// The lines between the first and the last difference.
fn middle<'l>(gone: &'l [String], new: &'l [String]) -> Vec<(LineFate, &'l String)> {
    let width = new.len() + 1;
    if (gone.len() + 1).saturating_mul(width) > MOST_CELLS {
        let gone = gone.iter().map(|line| (LineFate::Gone, line));
        return gone.chain(new.iter().map(|line| (LineFate::New, line))).collect();
    }
    // longest[i * width + j]: how many lines gone[i..] and new[j..] have in common.
    let mut longest = vec![0u32; (gone.len() + 1) * width];
    for i in (0..gone.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = match gone[i] == new[j] {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < gone.len() || j < new.len() {
        if i < gone.len() && j < new.len() && gone[i] == new[j] {
            lines.push((LineFate::Same, &gone[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || i < gone.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            lines.push((LineFate::Gone, &gone[i]));
            i += 1;
        } else {
            lines.push((LineFate::New, &new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    fn told(first: &str, second: &str) -> String {
        let shown = differences(&lines(first), &lines(second));
        shown
            .iter()
            .map(|line| format!("{}{}", line.sign(), line.text))
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn differences_have_a_few_lines_around_them() {
        assert_eq!(told("abc", "abc"), "");
        assert_eq!(told("abc", "axc"), " a|−b|+x| c");
        assert_eq!(told("", "a"), "+a");
        assert_eq!(told("abcdefgh", "abcdefgX"), " … 4 lines are the same| e| f| g|−h|+X");
    }

    proptest! {
        #[test]
        fn each_side_can_be_read_from_the_lines(first in "[abc]{0,12}", second in "[abc]{0,12}") {
            let all = every_line(&lines(&first), &lines(&second));
            let side = |other: LineFate| -> String {
                all.iter().filter(|line| line.fate != other).map(|line| line.text.as_str()).collect()
            };
            prop_assert_eq!(side(LineFate::New), first);
            prop_assert_eq!(side(LineFate::Gone), second);
        }
    }
}
