//! Tool calls, one after the other.

use std::collections::VecDeque;

use super::held::Held;
use super::unreadable::Unreadable;
use crate::chat::{Sink, ToolKind};
use crate::error::ApiError;
use crate::json::{Raw, Text};

/// How many calls may wait for the first one to end.
const MAX_WAITING: usize = 1_024;

/// The tool calls that have not ended yet.
///
/// Providers may interleave the arguments of several calls; clients cannot be trusted to take them apart again. So only
/// the first call is told as it comes, and the others wait until those before them have ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    queue: VecDeque<Call>,
    next: u32,
    any: bool,
}

/// A tool call that has begun.
#[derive(Clone, Debug)]
pub(super) struct Call {
    id: String,
    name: String,
    kind: ToolKind,
    /// The arguments that were there from the start, for a call that gets no others.
    seed: Option<String>,
    serial: u32,
    /// What waits: the arguments of a call that is not the first, and of a custom tool until they can be unwrapped.
    held: String,
    told: bool,
    done: bool,
}

impl Call {
    pub(super) fn new(id: String, name: String, kind: ToolKind, seed: Option<String>) -> Self {
        Self { id, name, kind, seed, serial: 0, held: String::new(), told: false, done: false }
    }

    fn size(&self) -> usize {
        self.id.len() + self.name.len() + self.seed.as_ref().map_or(0, String::len)
    }

    fn begin(&mut self, sink: &mut impl Sink) {
        sink.tool_start(Text::plain(&self.id), Text::plain(&self.name), self.kind);
        if self.kind == ToolKind::Function && !self.held.is_empty() {
            sink.tool_args(Text::plain(&self.held));
            self.told = true;
        }
    }

    fn finish(&self, sink: &mut impl Sink) {
        let late = if self.held.is_empty() { self.seed.as_deref() } else { Some(&*self.held) };
        match self.kind {
            ToolKind::Custom => unwrap(late.unwrap_or_default(), sink),
            _ if self.told => {}
            _ => sink.tool_args(Text::plain(late.unwrap_or("{}"))),
        }
    }
}

impl Calls {
    /// Whether there was any call.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// The next call begins; the number that comes back stands for it.
    pub(super) fn begin(&mut self, mut call: Call, held: &mut Held, sink: &mut impl Sink) -> Result<u32, ApiError> {
        self.any = true;
        self.next = self.next.wrapping_add(1);
        call.serial = self.next;
        match self.queue.len() {
            0 => call.begin(sink),
            MAX_WAITING => return Err(Unreadable.into()),
            _ => held.add(call.size())?,
        }
        self.queue.push_back(call);
        Ok(self.next)
    }

    /// More of the arguments of a call.
    pub(super) fn args(
        &mut self,
        serial: u32,
        fragment: Text<'_>,
        held: &mut Held,
        sink: &mut impl Sink,
    ) -> Result<(), ApiError> {
        let Some(at) = self.queue.iter().position(|call| call.serial == serial) else { return Ok(()) };
        let Some(call) = self.queue.get_mut(at) else { return Ok(()) };
        if at == 0 && call.kind == ToolKind::Function {
            call.told = true;
            sink.tool_args(fragment);
            return Ok(());
        }
        held.add(fragment.len())?;
        call.held.push_str(&fragment.to_str());
        Ok(())
    }

    /// A call has ended: it, and those after it that have ended already, can be told.
    pub(super) fn end(&mut self, serial: u32, sink: &mut impl Sink) {
        if let Some(call) = self.queue.iter_mut().find(|call| call.serial == serial) {
            call.done = true;
        }
        while self.queue.front().is_some_and(|call| call.done) {
            if let Some(call) = self.queue.pop_front() {
                call.finish(sink);
            }
            if let Some(next) = self.queue.front_mut() {
                next.begin(sink);
            }
        }
    }
}

/// Tells the input of a custom tool, which travelled as `{"input": "…"}`.
///
/// A call that the limit on tokens cut off is closed first; of arguments in any other form, the model's own words.
fn unwrap(args: &str, sink: &mut impl Sink) {
    if !tell_input(args, sink) && !tell_input(&format!("{args}\"}}"), sink) {
        sink.tool_args(Text::plain(args));
    }
}

fn tell_input(args: &str, sink: &mut impl Sink) -> bool {
    let input = Raw::parse(args).ok().and_then(|args| args.get("input")?.as_text());
    if let Some(text) = input {
        sink.tool_args(text);
    }
    input.is_some()
}
