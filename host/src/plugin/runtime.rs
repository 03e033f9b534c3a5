//! The runtime: calls with their limits, from an event in hand to what the plugin wants done.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use wasmtime::{Engine, Store};

use super::artefact::{Artefact, Artefacts};
use super::engine::{self, Ticker};
use super::gate::Gate;
use super::invoke::{Answered, Loaded};
use super::run::{Ending, Run};
use super::slice::{self, Meter, Metered};
use super::turns::{Turn, Turns};
use super::{Call, Fault, Outcome, PluginError, Reply, Usage, Verdict, fault, imports};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::egress::Egress;
use crate::model::trace::{self, Span};
use crate::model::{FaultClass, Millis};

/// How many new plugins are tried out at once, beside the calls: bringing a better version must not
/// wait for the calls of a bad one.
const TRIED_OUT: usize = 8;

/// More calls at once are not made, whatever the settings say: each holds address space.
const MAX_CONCURRENCY: usize = 4096;

/// Runs plugins. One for the process.
pub struct Runtime {
    engine: Engine,
    artefacts: Artefacts,
    settings: Arc<config::Plugins>,
    telemetry: config::Telemetry,
    clock: Clock,
    egress: Arc<Egress>,
    turns: Turns,
    trying_out: Semaphore,
    pooling: bool,
    /// Threads for guests that compute for long. `None` only while dropping.
    guests: Option<tokio::runtime::Runtime>,
    _ticker: Ticker,
}

impl Runtime {
    /// Start an engine for the settings, with its artefacts under `config.data/plugins`.
    ///
    /// # Errors
    /// When the folder, the engine, its threads or TLS cannot be had.
    pub fn new(config: &Config, clock: Clock) -> Result<Arc<Self>, PluginError> {
        let host = |e: &dyn std::fmt::Display| PluginError::Host(e.to_string());
        let settings = Arc::new(config.plugins.clone());
        let concurrency = config.delivery.concurrency.clamp(1, MAX_CONCURRENCY);
        let live = u32::try_from(concurrency + TRIED_OUT).unwrap_or(u32::MAX);
        let (engine, pooling) =
            engine::build(live, settings.memory_max).map_err(|e| host(&format!("{e:#}")))?;
        tracing::info!(pooling, live, "plugin engine ready");
        let linker = imports::linker(&engine).map_err(|e| host(&format!("{e:#}")))?;
        let artefacts =
            Artefacts::new(&settings, config.data.join("plugins"), engine.clone(), linker)?;
        let egress = Egress::new(settings.http_allow.clone()).map_err(|e| host(&e))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let guests = tokio::runtime::Builder::new_multi_thread()
            // All but one core: the server is never left without.
            .worker_threads(cores.saturating_sub(1).max(1))
            .thread_name("plugin")
            .build()?;
        Ok(Arc::new(Self {
            _ticker: Ticker::start(&engine)?,
            engine,
            artefacts,
            settings,
            telemetry: config.telemetry.clone(),
            clock,
            egress: Arc::new(egress),
            turns: Turns::new(concurrency, config.delivery.concurrency_per_install),
            trying_out: Semaphore::new(TRIED_OUT),
            pooling,
            guests: Some(guests),
        }))
    }

    /// Whether instances come from a pool, or are allocated on demand.
    pub fn pooling(&self) -> bool {
        self.pooling
    }

    /// The engine, to measure the same component without the host.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The client by which plugins call out.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Make one call on a fresh instance, once it is this install's turn.
    ///
    /// Never fails and never panics: whatever happens is in the outcome.
    pub async fn call(&self, call: Call) -> Outcome {
        let turn = self.turns.take(&call.install.id).await;
        let artefact = match self.artefacts.get(&call.install.hash).await {
            Ok(artefact) => artefact,
            Err(e) => return Outcome::failed(Fault::host(e.to_string())),
        };
        self.perform(Task::Handle, artefact, call, (turn, &self.egress)).await
    }

    /// The same beside the install's calls, with another way out for what it requests: to see what it
    /// would do.
    pub async fn rehearse(&self, call: Call, egress: &Arc<Egress>) -> Outcome {
        let _place = self.trying_out.acquire().await;
        match self.artefacts.get(&call.install.hash).await {
            Ok(artefact) => self.perform(Task::Handle, artefact, call, (None, egress)).await,
            Err(e) => Outcome::failed(Fault::host(e.to_string())),
        }
    }

    /// Make an instance and no call: the outcome is `Done` where that went well.
    pub(super) async fn start(&self, artefact: Artefact, call: Call) -> Outcome {
        let _place = self.trying_out.acquire().await;
        self.perform(Task::Start, artefact, call, (None, &self.egress)).await
    }

    /// Ask an engine for the manifest of a text: the reply's body, with 200 where the text holds.
    pub(super) async fn describe(&self, artefact: Artefact, call: Call, text: Arc<str>) -> Outcome {
        let _place = self.trying_out.acquire().await;
        self.perform(Task::Describe(text), artefact, call, (None, &self.egress)).await
    }

    /// Hand a call to a component that is not installed.
    pub(super) async fn handle(&self, artefact: Artefact, call: Call) -> Outcome {
        let _place = self.trying_out.acquire().await;
        self.perform(Task::Handle, artefact, call, (None, &self.egress)).await
    }

    async fn perform(
        &self,
        task: Task,
        artefact: Artefact,
        call: Call,
        (turn, egress): (Option<Turn>, &Arc<Egress>),
    ) -> Outcome {
        let limits = call.install.manifest.limits(&self.settings);
        let (install, event) = (Arc::clone(&call.install), Arc::clone(&call.event));
        let span = self.span(&call);
        let gate = Gate::new(Arc::clone(egress), Arc::clone(&self.settings), install, event, span);
        let Artefact { loaded, source } = artefact;
        let (settings, clock) = (Arc::clone(&self.settings), self.clock.clone());
        let run = Run::new(call, source, limits, settings, clock, Arc::new(gate));
        let meter = Meter::new(limits.cpu);
        let ending = to_end(task, self.engine.clone(), loaded, run, Arc::clone(&meter), turn);
        let stopping = || Outcome::failed(Fault::host("the host is stopping"));
        let Some(guests) = &self.guests else { return stopping() };
        slice::run(ending, &meter, guests.handle()).await.unwrap_or_else(|_| stopping())
    }

    /// The span of a call.
    fn span(&self, call: &Call) -> Span {
        let root = call.event.trace.root(&call.event.id);
        let trace = trace::trace_id(root);
        let sampled = self.telemetry.samples(trace, trace::given_sampled(root));
        Span { trace, id: call.span(), sampled }
    }

    pub(super) fn settings(&self) -> &config::Plugins {
        &self.settings
    }

    pub(super) fn artefacts(&self) -> &Artefacts {
        &self.artefacts
    }
}

impl Drop for Runtime {
    /// Dropping tokio's runtime may not happen on a worker of another one; this may.
    fn drop(&mut self) {
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
    }
}

/// How far a call goes.
enum Task {
    Start,
    Handle,
    /// By an engine: make a manifest of this text.
    Describe(Arc<str>),
}

/// Run a guest to its end, whatever that is. The store is dropped here, always: after a trap or a
/// timeout nothing can enter it again.
async fn to_end(
    task: Task,
    engine: Engine,
    loaded: Arc<Loaded>,
    run: Run,
    meter: Arc<Meter>,
    turn: Option<Turn>,
) -> Outcome {
    let (started, at) = (Instant::now(), run.clock.now());
    let wall = run.limits.wall;
    let mut store = Store::new(&engine, run);
    store.limiter(|run| &mut run.limiter);
    let bytes_per_call = store.data().bytes_per_call();
    store.set_hostcall_fuel(bytes_per_call);
    let at_tick = Arc::clone(&meter);
    store.epoch_deadline_callback(move |_| Ok(at_tick.at_tick()));
    store.set_epoch_deadline(1);
    let work = async {
        match task {
            Task::Handle => loaded.invoke(&mut store).await,
            Task::Start => loaded.start(&mut store).await,
            Task::Describe(text) => loaded.describe(&mut store, &text).await.map(|it| Ok(Some(it))),
        }
    };
    // The epoch stops a guest that computes; only a timeout stops one that waits in the host.
    let timed = tokio::time::timeout(wall, Metered::new(&meter, work));
    let ended = AssertUnwindSafe(timed).catch_unwind().await;
    let run = store.into_data();
    drop(turn);
    let verdict = match ended {
        Ok(Ok(Ok(answered))) => verdict(answered, &run),
        Ok(Ok(Err(error))) => Verdict::Failed(fault::of_error(&error, &run)),
        Ok(Err(_)) => Verdict::Failed(too_long(wall)),
        Err(_) => Verdict::Failed(Fault::host(
            "a fault of the host itself ended the call: tell who runs this host",
        )),
    };
    outcome(verdict, run, at, started.elapsed(), &meter)
}

fn too_long(wall: Duration) -> Fault {
    let reason = format!(
        "it took longer than {} ms, waiting included: wait less, or ask for more with `wall_ms` under [limits] in plugin.toml",
        wall.as_millis()
    );
    Fault { class: FaultClass::WallClock, reason, backtrace: String::new() }
}

/// What a handler that came to its end asked for.
fn verdict(answered: Answered, run: &Run) -> Verdict {
    let exception = |reason| {
        Verdict::Failed(Fault { class: FaultClass::Exception, reason, backtrace: String::new() })
    };
    match (&run.ending, answered) {
        (Some(Ending::Rejected(reason)), _) => Verdict::Rejected(reason.clone()),
        (Some(Ending::RetryAfter(after)), _) => Verdict::RetryAfter(*after),
        (None, Err(message)) if message.is_empty() => {
            exception("its handler answered an error without words".to_owned())
        }
        (None, Err(message)) => {
            let reason = message.chars().filter(|c| *c != '\0').take(1000).collect();
            let backtrace = run.logs.stack_of(&message);
            Verdict::Failed(Fault { class: FaultClass::Exception, reason, backtrace })
        }
        (None, Ok(reply)) => {
            match reply.as_ref().map_or(Ok(()), |reply| check_reply(reply, run.settings.http_body))
            {
                Ok(()) => Verdict::Done { stop: run.stop, reply },
                Err(problem) => exception(problem),
            }
        }
    }
}

/// A webhook's caller must get an answer that HTTP can carry.
fn check_reply(reply: &Reply, max_body: usize) -> Result<(), String> {
    if !(200..600).contains(&reply.status) {
        return Err(format!("it answered a webhook with the status {}: 200 to 599", reply.status));
    }
    if reply.body.len() > max_body {
        return Err(format!("it answered a webhook with more than {max_body} bytes"));
    }
    let fits = |(name, value): &(String, String)| {
        http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(value).is_ok()
    };
    match reply.headers.iter().find(|header| !fits(header)) {
        Some((name, _)) => {
            Err(format!("it answered a webhook with the header {name:?}, which HTTP cannot carry"))
        }
        None => Ok(()),
    }
}

fn outcome(verdict: Verdict, run: Run, at: Millis, took: Duration, meter: &Meter) -> Outcome {
    let usage = Usage {
        at,
        wall_micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        cpu_micros: meter.spent(),
        memory_bytes: run.limiter.used() as u64,
        http_calls: run.gate.calls(),
        logs_dropped: u32::try_from(run.logs.dropped()).unwrap_or(u32::MAX),
    };
    let requests = run.gate.requests();
    let logs = run.logs.take();
    let effects = if matches!(verdict, Verdict::Done { .. }) { run.effects } else { Vec::new() };
    let (reads, files) = (run.state.reads, run.files.written);
    Outcome { verdict, effects, reads, logs, files, requests, usage }
}

impl Outcome {
    /// A call that never began.
    fn failed(fault: Fault) -> Self {
        let verdict = Verdict::Failed(fault);
        Self {
            verdict,
            effects: Vec::new(),
            reads: Vec::new(),
            logs: Vec::new(),
            files: Vec::new(),
            requests: Vec::new(),
            usage: Usage::default(),
        }
    }
}
