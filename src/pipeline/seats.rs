//! Asks all agents at the same time, the parts of one under a limit, each until its answer can be read and
//! accounts for what it was given: a malformed answer is asked for in its form once more, what is left out
//! once more.
//! What the answers come to is left to whoever hears them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::purse::Purse;
use crate::agents::{self, Agent, Answer, Ask, Event, Failure, FailureKind, Spent};
use crate::brief::account::verify;
use crate::brief::again::{Form, Repair, repair};
use crate::brief::family::Family;
use crate::brief::{self, Brief};
use crate::parse::{self, ParsedReview, Status};
use crate::process::Interrupt;
use crate::progress::{Listener, Progress, Seat, SeatState};
use crate::snapshot::{Redact, Snapshot};

/// What one agent is given to read, whole or in part.
pub(super) struct Place<'a> {
    /// The agent.
    pub(super) agent: &'a Agent,
    /// Which part of how many.
    pub(super) part: Option<(usize, usize)>,
    /// What it is told.
    pub(super) brief: Brief,
    /// The number of the markers in its briefs.
    pub(super) nonce: &'a str,
    /// How it works.
    pub(super) family: Family,
    /// What it is asked for.
    pub(super) wants: Wants<'a>,
    /// Its private directory.
    pub(super) home: PathBuf,
}

impl Place<'_> {
    /// True if it is given this unit to read.
    pub(super) fn is_given(&self, id: &str) -> bool {
        self.brief.expects.units.iter().any(|unit| unit.id == id)
    }
}

/// What an agent is asked for.
pub(super) enum Wants<'a> {
    /// A review; the function makes the brief that asks for units once more.
    Review(Again<'a>),
    /// The word of the lead.
    Lead {
        /// What its answer is to be like.
        form: Form,
        /// The id that it has to repeat.
        id: String,
        /// How many findings an answer adds, or why it can't be read.
        check: Check<'a>,
    },
}

/// Tells whether an answer can be read.
pub(super) type Check<'a> = Box<dyn Fn(&str) -> Result<usize, String> + Send + Sync + 'a>;

/// Makes the brief that asks for units, by their ids, once more; `None` if there can be none.
pub(super) type Again<'a> = Box<dyn Fn(&[String]) -> Option<Brief> + Send + Sync + 'a>;

/// What all agents of a run share.
pub(super) struct Room<'a> {
    /// Where they read.
    pub(super) snapshot: &'a Snapshot,
    /// What may be spent.
    pub(super) purse: &'a Purse,
    /// When everything is to be over.
    pub(super) deadline: Instant,
    /// How long an agent may be silent.
    pub(super) idle: Duration,
    /// How many parts are asked of one agent at the same time.
    pub(super) parallel: usize,
    /// Whether the user wants to stop.
    pub(super) interrupt: &'a Interrupt,
    /// What takes secrets out of what they read.
    pub(super) redact: &'a Redact<'a>,
}

/// A reply that was understood.
pub(super) struct Understood {
    /// Byte for byte.
    pub(super) bytes: Vec<u8>,
    /// What it says.
    pub(super) review: ParsedReview,
    /// The units it accounts for, by their ids.
    pub(super) units: Vec<String>,
}

/// How one seat's work ended.
pub(super) struct Ended {
    /// Which seat.
    pub(super) seat: usize,
    /// What was understood; several if it was asked again.
    pub(super) replies: Vec<Understood>,
    /// What was answered to anything but the wish for a review, and how many findings it adds.
    pub(super) words: Option<(String, usize)>,
    /// Units it left out in the end, and why.
    pub(super) missing: Vec<(String, String)>,
    /// Why there is no more, if it failed.
    pub(super) failure: Option<Failure>,
    /// What it took in all.
    pub(super) spent: Spent,
}

enum Word {
    Event(usize, Event),
    AskedAgain(usize),
    Ended(Box<Ended>),
}

/// Words that are taken note of before the answers among them are heard.
const MOST_AT_ONCE: usize = 100;

/// How often elapsed times are drawn anew.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// Seats every agent and lets them read, none of them waiting for another; `heard` is called with each seat
/// as it ends, while the others read, and with those together that ended while it was busy.
pub(super) fn seat_all(
    places: &[Place<'_>],
    room: &Room<'_>,
    listener: &dyn Listener,
    mut heard: impl FnMut(Vec<Ended>),
) {
    let mut progress = Progress {
        seats: places.iter().map(seat_of).collect(),
    };
    for at in 0..places.len() {
        listener.changed(&progress, at);
    }
    let permits: BTreeMap<&str, Permits> = places
        .iter()
        .map(|place| (place.agent.name.as_str(), Permits::new(room.parallel)))
        .collect();
    std::thread::scope(|scope| {
        let (tell, words) = channel();
        for seat in in_turns(places) {
            let place = &places[seat];
            let tell = tell.clone();
            let permits = &permits[place.agent.name.as_str()];
            scope.spawn(move || {
                let _permit = permits.take();
                let worked = catch_unwind(AssertUnwindSafe(|| work(seat, place, room, &tell)));
                let ended = worked.unwrap_or_else(|_| crashed(seat));
                // Who does not listen any more is not interested.
                let _ = tell.send(Word::Ended(Box::new(ended)));
            });
        }
        drop(tell);
        listen(&words, &mut progress, listener, &mut heard);
    });
}

/// The seats in the order they begin: the first part of every agent, then the second of every agent, so that
/// each is heard of soon.
fn in_turns(places: &[Place<'_>]) -> Vec<usize> {
    let mut seats: Vec<usize> = (0..places.len()).collect();
    seats.sort_by_key(|seat| places[*seat].part.map_or(1, |(part, _)| part));
    seats
}

fn listen(
    words: &Receiver<Word>,
    progress: &mut Progress,
    listener: &dyn Listener,
    heard: &mut impl FnMut(Vec<Ended>),
) {
    loop {
        match words.recv_timeout(DRAW_EVERY) {
            Ok(first) => {
                // However much is announced, an answer is not left lying.
                let more = words.try_iter().take(MOST_AT_ONCE);
                let said = std::iter::once(first).chain(more);
                let ended: Vec<Ended> = said
                    .filter_map(|word| take_note(word, progress, listener))
                    .collect();
                if !ended.is_empty() {
                    heard(ended);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                for at in 0..progress.seats.len() {
                    if progress.seats[at].started.is_some() && !progress.seats[at].is_done() {
                        listener.changed(progress, at);
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Shows what a seat says of itself; how it ended, if that is what it says.
fn take_note(word: Word, progress: &mut Progress, listener: &dyn Listener) -> Option<Ended> {
    match word {
        Word::Event(seat, event) => {
            progress.seats[seat]
                .started
                .get_or_insert_with(Timestamp::now);
            progress.seats[seat].hear(&event);
            listener.changed(progress, seat);
            None
        }
        Word::AskedAgain(seat) => {
            progress.seats[seat].state = SeatState::AskedAgain;
            listener.changed(progress, seat);
            None
        }
        Word::Ended(ended) => {
            let of_replies = ended.replies.iter();
            let findings = of_replies
                .map(|reply| reply.review.findings.len())
                .chain(ended.words.iter().map(|(_, findings)| *findings))
                .sum();
            let millis = ended.spent.millis;
            let seat = ended.seat;
            progress.seats[seat].state = match &ended.failure {
                Some(failure) => SeatState::Failed {
                    why: failure.why.clone(),
                    millis,
                },
                None => SeatState::Answered {
                    findings,
                    left_out: ended.missing.len(),
                    millis,
                },
            };
            listener.changed(progress, seat);
            Some(*ended)
        }
    }
}

fn seat_of(place: &Place<'_>) -> Seat {
    Seat {
        agent: match &place.wants {
            Wants::Review(_) => place.agent.name.clone(),
            Wants::Lead { .. } => format!("{} (lead)", place.agent.name),
        },
        part: place.part,
        units: place.brief.expects.units.len(),
        state: SeatState::Waiting,
        started: None,
        tools: 0,
        tokens: 0,
    }
}

fn crashed(seat: usize) -> Ended {
    Ended {
        seat,
        replies: Vec::new(),
        words: None,
        missing: Vec::new(),
        failure: Some(Failure {
            kind: FailureKind::NoAnswer,
            why: "a fault in deep-review ended it; please report that".to_owned(),
            transcript: Vec::new(),
            spent: Spent::default(),
        }),
        spent: Spent::default(),
    }
}

/// One agent's work from its brief to the last answer.
fn work(seat: usize, place: &Place<'_>, room: &Room<'_>, tell: &Sender<Word>) -> Ended {
    let mut ended = Ended {
        seat,
        replies: Vec::new(),
        words: None,
        missing: Vec::new(),
        failure: None,
        spent: Spent::default(),
    };
    let worked = match &place.wants {
        Wants::Review(again) => read(place, again, room, tell, &mut ended),
        Wants::Lead { form, id, check } => lead(place, (*form, id), check, room, tell, &mut ended),
    };
    if let Err(failure) = worked {
        ended.failure = Some(failure);
    }
    ended
}

/// Asks for the word of the lead, and once for the right form if it can't be read.
fn lead(
    place: &Place<'_>,
    (form, run): (Form, &str),
    check: &Check<'_>,
    room: &Room<'_>,
    tell: &Sender<Word>,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let answer = put(place, room, tell, ended, &place.brief)?;
    let error = match check(&answer.text) {
        Ok(findings) => {
            ended.words = Some((answer.text, findings));
            return Ok(());
        }
        Err(why) => why,
    };
    let asked = Repair {
        run,
        form,
        nonce: place.nonce,
        family: place.family,
        answer: &answer.text,
        error: &error,
    };
    let Ok(repair) = repair(asked) else {
        return Err(no_answer(error, answer.transcript));
    };
    let _ = tell.send(Word::AskedAgain(ended.seat));
    let second = put(place, room, tell, ended, &repair)?;
    match check(&second.text) {
        Ok(findings) => {
            ended.words = Some((second.text, findings));
            Ok(())
        }
        Err(why) => Err(no_answer(why, second.transcript)),
    }
}

fn read(
    place: &Place<'_>,
    again: &Again<'_>,
    room: &Room<'_>,
    tell: &Sender<Word>,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let brief = &place.brief;
    let (first, answer) = understand(place, room, tell, ended, brief)?;
    let accounted = verify(&brief.expects, &first);
    if let Some(why) = accounted.refused {
        return Err(no_answer(why, answer.transcript));
    }
    ended.replies.push(Understood {
        bytes: answer.text.into_bytes(),
        review: first,
        units: accounted.reviewed,
    });
    ended.missing = accounted.missing;
    if ended.missing.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = ended.missing.iter().map(|(id, _)| id.clone()).collect();
    let Some(again) = again(&ids) else {
        return Ok(());
    };
    // Nobody is harmed if it goes unheard.
    let _ = tell.send(Word::AskedAgain(ended.seat));
    let asked_again = understand(place, room, tell, ended, &again);
    // What it said first stands whatever becomes of this, but for those that it would be asked about.
    let mut lost = |why: &str| {
        for (_, reason) in &mut ended.missing {
            *reason = format!("asked again: {why}");
        }
    };
    let (second, answer) = match asked_again {
        Ok(answered) => answered,
        Err(failure) if failure.kind == FailureKind::NoAnswer => {
            lost(&failure.why);
            return Ok(());
        }
        // It was not the agent's words: that is told as what it is.
        Err(failure) => return Err(failure),
    };
    let accounted = verify(&again.expects, &second);
    if let Some(why) = accounted.refused {
        lost(&why);
        return Ok(());
    }
    ended
        .missing
        .retain(|(id, _)| !accounted.reviewed.contains(id));
    ended.replies.push(Understood {
        bytes: answer.text.into_bytes(),
        review: second,
        units: accounted.reviewed,
    });
    Ok(())
}

/// Asks, and asks for the right form once if the answer can't be read.
fn understand(
    place: &Place<'_>,
    room: &Room<'_>,
    tell: &Sender<Word>,
    ended: &mut Ended,
    brief: &Brief,
) -> Result<(ParsedReview, Answer), Failure> {
    let answer = put(place, room, tell, ended, brief)?;
    let review = parse::parse(&answer.text);
    let Status::Failed { why } = &review.status else {
        return Ok((review, answer));
    };
    let asked = Repair {
        run: &brief.expects.review,
        form: Form::REVIEW,
        nonce: place.nonce,
        family: place.family,
        answer: &answer.text,
        error: why,
    };
    let Ok(repair) = repair(asked) else {
        return Err(no_answer(why.clone(), answer.transcript));
    };
    let _ = tell.send(Word::AskedAgain(ended.seat));
    let second = put(place, room, tell, ended, &repair)?;
    let review = parse::parse(&second.text);
    match &review.status {
        Status::Failed { why } => Err(no_answer(why.clone(), second.transcript)),
        Status::Ok | Status::None => Ok((review, second)),
    }
}

fn no_answer(why: String, transcript: Vec<u8>) -> Failure {
    Failure {
        kind: FailureKind::NoAnswer,
        why,
        transcript,
        spent: Spent::default(),
    }
}

/// Puts one brief to an agent.
fn put(
    place: &Place<'_>,
    room: &Room<'_>,
    tell: &Sender<Word>,
    ended: &mut Ended,
    brief: &Brief,
) -> Result<Answer, Failure> {
    let stop = |kind, why: String| Failure {
        kind,
        why,
        transcript: Vec::new(),
        spent: Spent::default(),
    };
    if room.interrupt.is_set() {
        return Err(stop(FailureKind::Interrupted, "interrupted".to_owned()));
    }
    let left = room.deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        let why = "`limits.wall` was over before it was asked".to_owned();
        return Err(stop(FailureKind::OverBudget, why));
    }
    let promised = brief.estimated_tokens as u64;
    let account = room
        .purse
        .promise(promised)
        .map_err(|why| stop(FailureKind::OverBudget, why))?;
    let seat = ended.seat;
    let started = Event::Started { model: None };
    let _ = tell.send(Word::Event(seat, started));
    let head = room.snapshot.head.to_string();
    let base = room.snapshot.base.map(|id| id.to_string());
    let ask = Ask {
        text: &brief.text,
        static_prefix: brief.static_prefix_len,
        schema: Some(match place.wants {
            Wants::Review(_) => brief::ANSWER_SCHEMA,
            Wants::Lead { form, .. } => form.schema,
        }),
        snapshot: &room.snapshot.path,
        home: &place.home,
        commits: (&head, base.as_deref().unwrap_or_default()),
        nonce: place.nonce,
        total: left,
        idle: room.idle,
        meter: Some(&account),
    };
    let asked = agents::ask(
        place.agent,
        &ask,
        room.redact,
        room.interrupt,
        &mut |event| {
            let _ = tell.send(Word::Event(seat, event));
        },
    );
    let spent = match &asked {
        Ok(answer) => &answer.spent,
        Err(failure) => &failure.spent,
    };
    account.settle(spent);
    ended.spent.add(spent);
    if let Some(changed) = room.snapshot.changed() {
        return Err(stop(
            FailureKind::Tampered,
            format!("the snapshot was changed while it read: {changed}"),
        ));
    }
    asked
}

/// How many may work at the same time.
struct Permits {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Given back when dropped.
struct Permit<'p>(&'p Permits);

impl Permits {
    fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(count.max(1)),
            freed: Condvar::new(),
        }
    }

    fn take(&self) -> Permit<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
