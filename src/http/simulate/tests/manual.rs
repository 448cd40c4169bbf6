//! The rules of `docs/simulate.md`: both forms of each are read, and mean the same.

use super::*;

#[test]
fn every_rule_of_the_manual_means_the_same_in_both_forms() {
    let manual = include_str!("../../../../docs/simulate.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("`<br>`"));
    let mut count = 0;
    for (short, rest) in rows {
        let json = rest.split('`').next().unwrap();
        let json = serde_json::from_str(json).unwrap();
        assert_eq!(rule(short), FaultRule::of_json(&json).unwrap(), "{short}");
        count += 1;
    }
    assert!(count > 80, "{count}");
    // What a member does is shown by at least one of these rules.
    for member in FaultMember::ALL {
        let name = member.name();
        let is_shown = manual
            .lines()
            .filter(|line| line.contains("<br>"))
            .any(|line| line.contains(&format!("\"{name}\":")));
        assert!(is_shown, "{name} is in no rule of the manual");
    }
}
