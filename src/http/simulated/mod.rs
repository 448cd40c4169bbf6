//! A server that misbehaves on purpose: joins the rules of `src/http/simulate/` to the handlers of the server.
//!
//! 1. `start.rs` keeps the store as it was at the start. What is served is a copy in memory.
//! 2. `asked.rs` takes the segment of rules out of the path, and says what a request is about.
//! 3. `handler.rs` is what the engine calls. It lets the handlers of `context.rs` answer, and `changed.rs` change that.
//! 4. `controls.rs` answers `/faults`, `/requests`, `/reset`, `/clock`, `/import` and `/sample`, and `registered.rs` `/clients` and `/users`.
//! 5. `launcher_client.rs` registers clients whose ids hold their keys.
//!
//! Without `--simulate` none of this is called.

mod asked;
mod changed;
mod controls;
mod handler;
mod launcher_client;
mod note;
mod registered;
mod start;

pub use handler::SimulatedServer;
