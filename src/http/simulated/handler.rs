//! What the engine calls where faults are simulated.
//!
//! A request is decided about by the rules, answered by the server's own handlers, and changed on its way out. A
//! changed answer names the rules in `X-Fhirlite-Fault`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use super::asked::AskedRequest;
use super::changed::{body_fault, changed, response, with_fault};
use super::launcher_client::register_launcher_client;
use super::note::{entry, refused};
use super::start::SimulationStart;
use crate::access::GrantTerms;
use crate::error::{Error, Result};
use crate::fhir::version::FhirVersion;
use crate::http::answered::AnsweredRequest;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::{Context, ContextSource};
use crate::http::engine::{EngineState, RequestHandler};
use crate::http::form::{FORM, parse_form};
use crate::http::header::NDJSON;
use crate::http::message::{Body, Request, Response};
use crate::http::page::is_page;
use crate::http::route::refusal;
use crate::http::row::not_found;
use crate::http::shaped::{BodyOut, ShapedBody};
use crate::http::simulate::{
    FaultDecision, FaultPlace, FaultRules, JournalEntry, Simulation, TokenFault, control_methods,
    segment_settings,
};
use crate::store::Store;
use crate::sync::lock;
use crate::time::Instant;

/// How long a status request waits for its job.
const JOB_TIME: Duration = Duration::from_secs(10);
/// The header that names the rules of a changed answer.
const FAULT: &str = "X-Fhirlite-Fault";

/// A server that misbehaves on purpose.
pub struct SimulatedServer {
    pub(super) start: SimulationStart,
    pub(super) state: Arc<Mutex<Simulation>>,
    /// Serves the store as it is since the last reset.
    current: RwLock<Arc<Context>>,
    engine: OnceLock<EngineState>,
}

impl SimulatedServer {
    /// Serves a copy of `store`, in `folder` or else in memory. The rules are those of the start.
    ///
    /// # Errors
    /// Those of [`SimulationStart::new`] and [`ContextSource::open`].
    pub fn new(
        store: &Store,
        folder: Option<PathBuf>,
        source: ContextSource,
        rules: FaultRules,
    ) -> Result<SimulatedServer> {
        let state = Arc::new(Mutex::new(Simulation::new(rules.0)));
        let source = ContextSource { simulation: Some(state.clone()), ..source };
        let start = SimulationStart::new(store, folder, source)?;
        Ok(SimulatedServer {
            current: RwLock::new(Arc::new(start.open()?)),
            state,
            engine: OnceLock::new(),
            start,
        })
    }

    /// What serves at the moment.
    pub fn context(&self) -> Arc<Context> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the engine, whose numbers `/metrics` tells.
    pub fn set_engine(&self, engine: EngineState) {
        let _ = self.context().engine.set(engine.clone());
        let _ = self.engine.set(engine);
    }

    /// Puts everything back to what it was at the start. Requests under way end with what they began with.
    ///
    /// # Errors
    /// Those of [`SimulationStart::open`]. The store is then as before.
    pub fn reset(&self) -> Result<()> {
        let context = Arc::new(self.start.open()?);
        if let Some(engine) = self.engine.get() {
            let _ = context.engine.set(engine.clone());
        }
        let former = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, context)
        };
        former.stop();
        lock(&self.state).reset();
        Ok(())
    }

    /// Replaces the rules, and begins all counts anew.
    pub fn replace_rules(&self, rules: FaultRules) {
        lock(&self.state).books.replace(rules.0);
    }

    /// The requests so far, the oldest first.
    pub fn requests(&self) -> Vec<JournalEntry> {
        lock(&self.state).journal.entries().cloned().collect()
    }

    /// Moves the clock ahead.
    pub fn advance(&self, by: Duration) {
        self.start.advance(by);
    }

    /// Answers a request, and names the rules that changed the answer.
    fn faulty(&self, context: &Context, asked: &mut AskedRequest) -> Result<(Response, String)> {
        if let Some(segment) = &asked.segment {
            check_release(context, segment)?;
        }
        let Some(place) = asked.place else {
            return Ok((RequestHandler::answer(context, &asked.request), String::new()));
        };
        let now = context.store.now();
        let Some(mut decision) = self.decide(asked, place, now)? else {
            return Err(not_found(context));
        };
        if let Some(instead) = decision.instead.take() {
            let fault = body_fault(asked, &decision);
            return Ok((with_fault(response(instead), fault), decision.note));
        }
        if place == FaultPlace::Token {
            grant_otherwise(&mut asked.request, &decision);
            let lifetime = register_launcher_client(context, &asked.request)?;
            let terms = &mut asked.request.terms;
            terms.lifetime = terms.lifetime.or(lifetime);
        }
        let fault = body_fault(asked, &decision);
        let answer = self.answer_plainly(context, asked)?;
        if asked.is_manifest_at_once
            && answer.status == 200
            && let Some(of_manifest) = self.decide(asked, FaultPlace::Status, now)?
        {
            decision.rules.extend(of_manifest.rules);
            let notes = [decision.note, of_manifest.note];
            decision.note =
                notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join(" | ");
        }
        let answer = changed(answer, asked, &decision, now)?;
        Ok((with_fault(answer, fault), decision.note))
    }

    fn decide(
        &self,
        asked: &AskedRequest,
        place: FaultPlace,
        now: Instant,
    ) -> Result<Option<FaultDecision>> {
        let request = asked.at(place, now);
        lock(&self.state).books.decide(asked.segment.as_deref(), &request)
    }

    /// What the server answers, or a file that only the simulation has.
    fn answer_plainly(&self, context: &Context, asked: &AskedRequest) -> Result<Response> {
        let Some(file) = asked.simulated.clone().filter(|_| asked.place == Some(FaultPlace::File))
        else {
            if asked.place == Some(FaultPlace::Status) {
                // How often a job is asked about depends on the rules, not on the machine.
                context.jobs.wait_for(&asked.subject, JOB_TIME);
            }
            return Ok(RequestHandler::answer(context, &asked.request));
        };
        AuthenticatedRequest::new(context, &asked.request)?;
        let write = move |out: &mut dyn Write| {
            let written = file.lines().try_for_each(|line| out.write_all(&line));
            written.map_err(|error| Error::io("the connection", error))
        };
        let headers = vec![("Content-Type", NDJSON.to_owned())];
        Ok(Response { status: 200, headers, body: Body::Unknown(Box::new(write)) })
    }

    /// Lists a request in the journal, and counts the bytes of its answer from now on.
    fn listed(&self, asked: &AskedRequest, mut answer: Response, note: String) -> Response {
        let request = &asked.request;
        let bytes = Arc::new(AtomicU64::new(0));
        let _ = request.noted.sent.set(bytes.clone());
        let now = self.context().store.now();
        if request.method != "HEAD" {
            answer.body = counted(answer.body, bytes.clone());
        }
        // What people look at is no request of a client.
        if !(self.context().has_page && is_page(request)) {
            lock(&self.state).journal.add(entry(request, (answer.status, &note), bytes, now));
        }
        if note.is_empty() { answer } else { answer.with(FAULT, note) }
    }
}

impl RequestHandler for SimulatedServer {
    fn body_limit(&self, request: &Request) -> Result<usize> {
        let context = self.context();
        if context.pages.misdirected(request).is_some() {
            return Ok(0);
        }
        if let Some(limit) = self.control_body(request) {
            return Ok(limit);
        }
        // Rules come before authentication, so the body is read before both.
        let is_bodiless = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE");
        Ok(if is_bodiless { 0 } else { AskedRequest::of(&context, request).body_limit })
    }

    fn page_headers(&self, request: Option<&Request>) -> Vec<(&'static str, String)> {
        self.context().page_headers(request)
    }

    fn is_light(&self, request: &Request) -> bool {
        self.context().is_light(request)
    }

    fn answer(&self, request: &Request) -> Response {
        let context = self.context();
        if let Some(refusal) = context.pages.misdirected(request) {
            return refusal;
        }
        if control_methods(&request.target).is_some() {
            return self
                .control(&context, request)
                .unwrap_or_else(|error| refusal(&context, &error, request));
        }
        let mut asked = AskedRequest::of(&context, request);
        let (answer, note) = self
            .faulty(&context, &mut asked)
            .unwrap_or_else(|error| (refusal(&context, &error, &asked.request), String::new()));
        self.listed(&asked, answer, note)
    }

    fn refuse(&self, error: &Error, request: &Request) -> Response {
        self.context().refuse(error, request)
    }

    fn log(&self, error: &Error) {
        RequestHandler::log(&*self.context(), error);
    }

    fn answered(&self, request: &AnsweredRequest) {
        match request.noted.sent.get() {
            Some(sent) => sent.store(request.bytes, Ordering::SeqCst),
            None if control_methods(&request.target).is_some() => {}
            None => lock(&self.state).journal.add(refused(request)),
        }
        self.context().answered(request);
    }
}

/// Checks that the release of FHIR that a launcher's URL wants is that of the store.
fn check_release(context: &Context, segment: &str) -> Result<()> {
    let Some(release) = segment_settings(segment)?.and_then(|settings| settings.release) else {
        return Ok(());
    };
    let held = context.store.fhir_version()?.unwrap_or_default();
    let wanted = match release {
        2 => FhirVersion::Dstu2,
        3 => FhirVersion::Stu3,
        _ => FhirVersion::R4,
    };
    if held == wanted { Ok(()) } else { Err(not_found(context)) }
}

/// Lets a request for a token ask for less, and be granted something else.
fn grant_otherwise(request: &mut Request, decision: &FaultDecision) {
    let is_form = request.body_type().is_ok_and(|media| media.name == FORM);
    for fault in decision.rules.iter().map(|rule| TokenFault::of(rule)) {
        request.terms = GrantTerms {
            lifetime: request.terms.lifetime.or(fault.lifetime),
            clock_offset: request.terms.clock_offset.saturating_add(fault.clock_offset),
            ..request.terms
        };
        if is_form && fault.scope.is_some() {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in parse_form(&request.body) {
                let value = if name == "scope" { fault.narrowed(&value) } else { value };
                form.append_pair(&name, &value);
            }
            request.body = form.finish().into_bytes();
        }
    }
}

/// A body whose bytes are counted before they go out: a client that has all of them finds them counted.
fn counted(body: Body, bytes: Arc<AtomicU64>) -> Body {
    match body {
        Body::Bytes(content) => {
            bytes.store(content.len() as u64, Ordering::SeqCst);
            Body::Bytes(content)
        }
        Body::Exactly(length, write) => {
            Body::Exactly(length, Box::new(move |out| write(&mut CountingOut { out, bytes })))
        }
        Body::Unknown(write) => {
            Body::Unknown(Box::new(move |out| write(&mut CountingOut { out, bytes })))
        }
        Body::Shaped(ShapedBody { length, write }) => {
            let write =
                Box::new(move |out: &mut dyn BodyOut| write(&mut CountingOut { out, bytes }));
            Body::Shaped(ShapedBody { length, write })
        }
    }
}

/// Counts the bytes on their way to `out`.
struct CountingOut<'o, O: ?Sized> {
    out: &'o mut O,
    bytes: Arc<AtomicU64>,
}

impl<O: BodyOut + ?Sized> BodyOut for CountingOut<'_, O> {
    fn pause(&mut self, time: Duration) -> io::Result<()> {
        self.out.pause(time)
    }
}

impl<O: Write + ?Sized> Write for CountingOut<'_, O> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
