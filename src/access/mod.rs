//! Who may read what: 1upHealth's users and clients, SMART Backend Services.
//!
//! A request presents credentials ([`Presented`]). [`Authority`] authenticates them and says who calls
//! ([`Caller`]): whose resources the caller may read, and which types. It issues access tokens for a
//! code, a refresh token or a signed assertion. The store keeps clients, users and tokens.

mod address_block;
mod assertion;
mod audit;
mod caller;
mod grant;
#[cfg(feature = "jwks-url")]
mod https;
#[cfg(not(feature = "jwks-url"))]
#[path = "https_off.rs"]
mod https;
mod jwks_url;
mod key_pair;
mod keys;
mod operator;
mod refusals;
mod scope;
mod secret;
#[cfg(feature = "page")]
mod sign_in;
mod throttle;
mod turns;
mod users;

pub use address_block::AddressBlock;
pub use audit::{Audit, AuditPlace};
pub use caller::{Authority, Caller, Presented};
pub use grant::{BackendRequest, GrantTerms, TokenError, TokenResponse};
pub use keys::Algorithm;
pub use operator::{
    ClientAuthentication, ClientChange, NewClient, Registration, add_user, describe_keys,
    find_client, issue_operator_token, issue_token, register, rotate, set_user_active,
};
pub use scope::Interaction;
#[cfg(feature = "page")]
pub use sign_in::SignIn;
pub use users::{UserSelector, UserWithCode};
