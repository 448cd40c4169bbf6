//! `GET /metrics`: numbers about the server and its store, for Prometheus.
//!
//! Who may read them, [`MetricsAccess`] says. They name types and routes, never a resource, a patient, a
//! client or a path.

use super::authenticated::presented;
use super::context::Context;
use super::direct::is_direct;
use super::exposition::{Exposition, MetricKind, PROMETHEUS_TEXT};
use super::message::{Request, Response};
use super::metrics_access::MetricsAccess;
use super::request_counts::{BUCKETS, CLASSES};
use crate::error::{Error, Kind, Result};

/// Answers with the page.
///
/// # Errors
/// `NotFound` where metrics are off, `Unauthorized` and `Forbidden` for who may not read them; where the
/// store cannot be read.
pub fn metrics(context: &Context, request: &Request) -> Result<Response> {
    match context.metrics_access {
        MetricsAccess::Off => {
            return Err(Error::new(
                Kind::NotFound,
                "this server shows no metrics (serve --metrics)",
            ));
        }
        MetricsAccess::Local if is_local(context, request) => {}
        _ => context.access.authenticate_for_metrics(&presented(request), request.peer)?,
    }
    let mut page = Exposition::default();
    write_process(&mut page, context);
    write_requests(&mut page, context);
    write_engine(&mut page, context);
    write_store(&mut page, context)?;
    Ok(Response::new(200, PROMETHEUS_TEXT, page.into_bytes()).with("Cache-Control", "no-store"))
}

/// True for a program on this machine that asks this server directly. A page in a browser sends `Origin`, or the name
/// of its own host.
fn is_local(context: &Context, request: &Request) -> bool {
    let is_reached_from_here = !context.access.is_required() || context.is_private;
    is_reached_from_here && is_direct(context, request) && request.header("origin").is_none()
}

fn write_process(page: &mut Exposition, context: &Context) {
    use MetricKind::Gauge;
    let name = "fhirlite_build_info";
    page.metric(name, Gauge, "The version of fhirlite, as a label of the number 1.");
    page.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let started = context.started.micros() as f64 / 1e6;
    let help = "When the server started, in seconds since 1970.";
    page.single("process_start_time_seconds", Gauge, help, started);
}

fn write_requests(page: &mut Exposition, context: &Context) {
    use MetricKind::{Counter, Histogram};
    let routes = context.counts.routes();
    let name = "fhirlite_http_requests_total";
    page.metric(name, Counter, "Requests by route and class of status.");
    for (route, counts) in &routes {
        for (class, count) in CLASSES.iter().zip(counts.classes).filter(|(_, count)| *count > 0) {
            page.sample(name, &[("route", route), ("status", class)], count);
        }
    }
    let name = "fhirlite_http_request_duration_seconds";
    let help = "Time from the first byte of a request to the last byte of its answer, by route.";
    page.metric(name, Histogram, help);
    for (route, counts) in &routes {
        let mut sum = 0;
        for (most, count) in
            BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]).zip(counts.buckets)
        {
            sum += count;
            page.sample(&format!("{name}_bucket"), &[("route", route), ("le", &most)], sum);
        }
        page.sample(&format!("{name}_sum"), &[("route", route)], counts.time.as_secs_f64());
        page.sample(&format!("{name}_count"), &[("route", route)], sum);
    }
    let name = "fhirlite_http_response_bytes_total";
    page.metric(name, Counter, "Bytes of bodies that were sent, by route.");
    for (route, counts) in &routes {
        page.sample(name, &[("route", route)], counts.bytes);
    }
    let name = "fhirlite_http_responses_cut_total";
    page.metric(name, Counter, "Answers that broke off, mostly because the client left, by route.");
    for (route, counts) in &routes {
        page.sample(name, &[("route", route)], counts.cut);
    }
    let name = "fhirlite_http_refusals_total";
    let help = "Messages that were refused before a handler saw them, by status.";
    page.metric(name, Counter, help);
    for (status, count) in context.counts.refusals() {
        page.sample(name, &[("status", &status.to_string())], count);
    }
}

fn write_engine(page: &mut Exposition, context: &Context) {
    use MetricKind::Gauge;
    // Missing for the moment in which the server starts.
    let Some(numbers) = context.engine.get().map(|engine| engine.numbers()) else { return };
    for (name, help, value) in [
        ("fhirlite_http_connections", "Open connections.", numbers.connections),
        ("fhirlite_http_threads", "Threads of connections.", numbers.threads),
        ("fhirlite_http_requests_at_work", "Requests that are worked on.", numbers.at_work),
        ("fhirlite_http_requests_waiting", "Requests that wait for their turn.", numbers.waiting),
        ("fhirlite_http_downloads", "Downloads under way.", numbers.downloads),
    ] {
        page.single(name, Gauge, help, value);
    }
}

fn write_store(page: &mut Exposition, context: &Context) -> Result<()> {
    use MetricKind::Gauge;
    let store = &context.store;
    let name = "fhirlite_store_bytes";
    page.metric(
        name,
        Gauge,
        "Bytes of the store's file, of its log, and of the file of jobs set aside.",
    );
    for (file, bytes) in store.file_sizes()? {
        page.sample(name, &[("file", file)], bytes);
    }
    let name = "fhirlite_store_resources";
    page.metric(name, Gauge, "Resources by type.");
    for (resource_type, count) in store.count_by_type()? {
        page.sample(name, &[("type", &resource_type)], count);
    }
    let written = store.last_write_time()?.map_or(0.0, |time| time.micros() as f64 / 1e6);
    let help = "When resources were last written, in seconds since 1970; 0 for never.";
    page.single("fhirlite_store_last_write_time_seconds", Gauge, help, written);
    let name = "fhirlite_jobs";
    page.metric(name, Gauge, "Exports by state.");
    for (state, count) in store.count_jobs(store.now())? {
        page.sample(name, &[("state", state)], count);
    }
    if let Some(audit) = &context.audit {
        let help = "Events of the audit that are not written yet.";
        page.single("fhirlite_audit_queue_length", Gauge, help, audit.waiting());
    }
    Ok(())
}
