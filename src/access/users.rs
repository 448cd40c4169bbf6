//! What a 1upHealth client does with its users.

use super::caller::Authority;
use crate::error::{Error, Kind, Result};
use crate::store::{Client, User};

/// `app_user_id` may be as long as this.
const LONGEST: usize = 255;

/// Which user is meant.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// By the client's own name.
    pub app_user_id: Option<String>,
    /// By number.
    pub oneup_user_id: Option<i64>,
}

/// A user and a code to begin with.
pub struct NewUser {
    /// The user.
    pub user: User,
    /// The code.
    pub code: String,
}

impl Authority {
    /// Makes a user; `None` where there is one of that name.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be one; `ReadOnly`, `Busy`.
    pub fn add_user(&self, client: &Client, app_user_id: &str) -> Result<Option<NewUser>> {
        check_name(app_user_id)?;
        let Some(user) = self.store.add_user(client.id, app_user_id)? else { return Ok(None) };
        let code = self.code(client, user.id)?;
        Ok(Some(NewUser { user, code }))
    }

    /// The users that are meant; all where nothing is said.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn users(&self, client: &Client, which: &Which) -> Result<Vec<User>> {
        self.store.users(client.id, which.app_user_id.as_deref(), which.oneup_user_id)
    }

    /// Changes whether a user is active, and, where both names are given, what the client calls the
    /// user with this number.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or another one of that name; `ReadOnly`, `Busy`.
    pub fn change_user(
        &self,
        client: &Client,
        which: &Which,
        active: Option<bool>,
    ) -> Result<User> {
        let (found, name) = match (&which.oneup_user_id, &which.app_user_id) {
            (Some(_), name) => {
                let by_number = Which { app_user_id: None, ..which.clone() };
                (self.one(client, &by_number)?, name.as_deref())
            }
            (None, _) => (self.one(client, which)?, None),
        };
        name.map(check_name).transpose()?;
        let changed = self.store.change_user(found.id, name, active)?;
        changed.ok_or_else(|| Error::new(Kind::Invalid, "another user has this app_user_id"))
    }

    /// A new code for a user that is there.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or an inactive one; `Busy`.
    pub fn code_for(&self, client: &Client, which: &Which) -> Result<NewUser> {
        let user = self.one(client, which)?;
        if !user.active {
            return Err(Error::new(Kind::Invalid, "this user is not active"));
        }
        let code = self.code(client, user.id)?;
        Ok(NewUser { user, code })
    }

    fn one(&self, client: &Client, which: &Which) -> Result<User> {
        if which.app_user_id.is_none() && which.oneup_user_id.is_none() {
            return Err(Error::new(Kind::Invalid, "app_user_id or oneup_user_id is missing"));
        }
        let found = self.users(client, which)?.pop();
        found.ok_or_else(|| Error::new(Kind::Invalid, "this user does not exist"))
    }
}

/// Whether a client may call a user this.
///
/// # Errors
/// `Invalid`, saying why not.
pub(super) fn check_name(app_user_id: &str) -> Result<()> {
    let is_name = !app_user_id.trim().is_empty()
        && app_user_id.len() <= LONGEST
        && !app_user_id.chars().any(char::is_control);
    match is_name {
        true => Ok(()),
        false => {
            let what = format!(
                "app_user_id should have 1 to {LONGEST} characters, none of them control characters"
            );
            Err(Error::new(Kind::Invalid, what))
        }
    }
}
