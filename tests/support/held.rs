//! Exports that stay under way for as long as a test needs, however fast the machine is.

use super::Dir;

/// Keeps the exports of the store `s.db` under way until this is dropped.
///
/// A trigger makes SQLite refuse to write down that an export is complete. The server logs that and tries again a
/// second later, so serve the store with [`Dir::serve_with_log`].
pub struct Held<'a>(&'a Dir);

impl Held<'_> {
    pub fn new(dir: &Dir) -> Held<'_> {
        let sql = "CREATE TRIGGER hold BEFORE UPDATE ON job WHEN new.state <> 'running'
                   BEGIN SELECT RAISE(ABORT, 'held by a test'); END";
        dir.open("s.db").execute_batch(sql).expect("a trigger");
        Held(dir)
    }

    /// Lets all exports complete but those with these ids.
    pub fn release_all_but(&self, ids: &[&str]) {
        let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let sql = format!(
            "BEGIN; DROP TRIGGER hold;
             CREATE TRIGGER hold BEFORE UPDATE ON job WHEN new.state <> 'running' AND new.id IN ({})
             BEGIN SELECT RAISE(ABORT, 'held by a test'); END; COMMIT",
            ids.join(", ")
        );
        self.0.open("s.db").execute_batch(&sql).expect("a trigger");
    }

    /// Lets the exports complete.
    pub fn release(self) {}
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.open("s.db").execute_batch("DROP TRIGGER IF EXISTS hold").expect("dropped");
    }
}
