//! Who may read what: 1upHealth's users and clients, SMART Backend Services.
//!
//! A request comes with something that is shown ([`Presented`]); [`Authority`] says who that is ([`Caller`]):
//! whose data they reach, and which types of it. What is shown was granted here before, for a secret, a
//! code, or an assertion. What it is kept as is the store's matter.

mod assertion;
mod audit;
mod caller;
mod fetch;
mod grant;
mod keys;
mod operator;
mod scope;
mod secret;
mod throttle;
mod users;

pub use audit::Audit;
pub use caller::{Authority, Caller, Presented};
pub use grant::{Backend, Denied, Tokens};
pub use keys::Algorithm;
pub use operator::{
    ClientChange, NewClient, Proof, Registration, add_user, issue, keys_of, known, register, rotate,
};
pub use scope::Interaction;
pub use users::{NewUser, Which};
