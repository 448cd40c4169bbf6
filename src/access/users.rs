//! The users of a 1upHealth client: what user management reads and changes.

use super::caller::Authority;
use crate::error::{Error, Kind, Result};
use crate::store::{Actor, Client, User};

/// The most bytes of an `app_user_id`.
const LONGEST: usize = 255;

/// Selects users: by either name, or by both.
#[derive(Clone, Debug, Default)]
pub struct UserSelector {
    /// The client's name for the user.
    pub app_user_id: Option<String>,
    /// The store's number for the user.
    pub oneup_user_id: Option<i64>,
}

/// A user, and a code that can be exchanged for tokens.
pub struct UserWithCode {
    /// The user.
    pub user: User,
    /// The code.
    pub code: String,
}

impl Authority {
    /// Makes a user; `None` if the client has one of that name.
    ///
    /// # Errors
    /// `Invalid` for a name that is not allowed; `ReadOnly`, `Busy`.
    pub fn add_user(&self, client: &Client, app_user_id: &str) -> Result<Option<UserWithCode>> {
        check_name(app_user_id)?;
        let Some(user) = self.store.add_user(client.id, app_user_id, Actor::Client)? else {
            return Ok(None);
        };
        let code = self.issue_code(client, user.id)?;
        Ok(Some(UserWithCode { user, code }))
    }

    /// The selected users of a client; an empty selector selects all.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn users(&self, client: &Client, selector: &UserSelector) -> Result<Vec<User>> {
        self.store.users(client.id, selector.app_user_id.as_deref(), selector.oneup_user_id)
    }

    /// Activates or deactivates a user. A selector with both names renames the user with that number.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or another one of that name; `ReadOnly`, `Busy`.
    pub fn change_user(
        &self,
        client: &Client,
        selector: &UserSelector,
        active: Option<bool>,
    ) -> Result<User> {
        let (found, name) = match (&selector.oneup_user_id, &selector.app_user_id) {
            (Some(_), name) => {
                let by_number = UserSelector { app_user_id: None, ..selector.clone() };
                (self.one_user(client, &by_number)?, name.as_deref())
            }
            (None, _) => (self.one_user(client, selector)?, None),
        };
        name.map(check_name).transpose()?;
        let changed = self.store.change_user(found.id, name, active, Actor::Client)?;
        changed.ok_or_else(|| Error::new(Kind::Invalid, "another user has this app_user_id"))
    }

    /// Issues a new code for a user.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or the user is inactive; `Busy`.
    pub fn code_for(&self, client: &Client, selector: &UserSelector) -> Result<UserWithCode> {
        let user = self.one_user(client, selector)?;
        if !user.active {
            return Err(Error::new(Kind::Invalid, "this user is not active"));
        }
        let code = self.issue_code(client, user.id)?;
        Ok(UserWithCode { user, code })
    }

    fn one_user(&self, client: &Client, selector: &UserSelector) -> Result<User> {
        if selector.app_user_id.is_none() && selector.oneup_user_id.is_none() {
            return Err(Error::new(Kind::Invalid, "app_user_id or oneup_user_id is missing"));
        }
        let found = self.users(client, selector)?.pop();
        found.ok_or_else(|| Error::new(Kind::Invalid, "this user does not exist"))
    }
}

/// Checks a client's name for a user.
///
/// # Errors
/// `Invalid`, with the rule that the name breaks.
pub(super) fn check_name(app_user_id: &str) -> Result<()> {
    let is_name = !app_user_id.trim().is_empty()
        && app_user_id.len() <= LONGEST
        && !app_user_id.chars().any(char::is_control);
    if is_name {
        return Ok(());
    }
    let what = format!(
        "app_user_id should have 1 to {LONGEST} characters, none of them control characters"
    );
    Err(Error::new(Kind::Invalid, what))
}
