//! Draws how far a panel has come: a line per agent on a terminal, else a plain line now and then.
//! What there is to draw is said by `progress`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::{Ui, Volume};
use crate::page::{cut, harmless};
use crate::progress::{Listener, Progress, Seat, SeatState};

/// Reading that takes longer is shown.
const QUIET_READING: Duration = Duration::from_secs(2);

/// Without a terminal something is said this often.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

/// The lines of one running panel; they go away when it is dropped.
pub(crate) struct ProgressLines {
    width: usize,
    drawn: Drawn,
    reading: Mutex<Option<Reading>>,
}

/// How far reading has come.
struct Reading {
    since: Instant,
    /// Once it takes long.
    bar: Option<ProgressBar>,
}

enum Drawn {
    Bars(MultiProgress, Mutex<Vec<ProgressBar>>),
    Plain(Mutex<Told>),
    Nothing,
}

/// What was said in plain lines.
struct Told {
    last: Instant,
    /// Which seats were said to be done.
    done: BTreeSet<usize>,
}

impl ProgressLines {
    /// Lines on standard error, as the user wants to see them.
    pub(crate) fn new(ui: &Ui) -> Self {
        let drawn = match ui.volume {
            Volume::Quiet => Drawn::Nothing,
            _ if super::draws_lines() => Drawn::Bars(
                MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
                Mutex::new(Vec::new()),
            ),
            _ => Drawn::Plain(Mutex::new(Told {
                last: Instant::now(),
                done: BTreeSet::new(),
            })),
        };
        Self {
            width: ui.width(),
            drawn,
            reading: Mutex::default(),
        }
    }

    /// Draws all seats as they are now.
    pub(crate) fn draw(&self, progress: &Progress) {
        for at in 0..progress.seats.len() {
            self.changed(progress, at);
        }
    }

    /// Draws nothing more, and takes nothing away: what stands there is above somebody else's line by now.
    pub(crate) fn leave(&self) {
        if let Drawn::Bars(lines, _) = &self.drawn {
            lines.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    fn end_reading(&self) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = reading.take().and_then(|reading| reading.bar) {
            bar.finish_and_clear();
        }
    }

    fn line(&self, seat: &Seat) -> String {
        let name = format!("{:<12}", seat.name());
        cut(
            &format!("{name} {}", words(seat)),
            self.width.saturating_sub(1),
        )
    }

    /// How one seat ended.
    fn plain_end(seat: &Seat) -> String {
        harmless(&format!("deep-review: {}: {}", seat.name(), words(seat)))
    }

    /// What those do who are not done.
    fn plain(progress: &Progress) -> String {
        let of = progress.seats.len();
        let done = progress.seats.iter().filter(|seat| seat.is_done()).count();
        let at_work = progress.seats.iter().filter(|seat| !seat.is_done());
        let waits = |seat: &&Seat| seat.state == SeatState::Waiting;
        let waiting = at_work.clone().filter(waits).count();
        let mut said = vec![format!("deep-review: {done} of {of} done")];
        said.extend(
            at_work
                .filter(|seat| !waits(seat))
                .map(|seat| format!("{}: {}", seat.name(), words(seat))),
        );
        if waiting > 0 {
            said.push(format!("{waiting} more to ask"));
        }
        harmless(&said.join("; "))
    }
}

impl Listener for ProgressLines {
    fn changed(&self, progress: &Progress, at: usize) {
        match &self.drawn {
            Drawn::Nothing => {}
            Drawn::Bars(lines, bars) => {
                let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
                while bars.len() < progress.seats.len() {
                    let bar = lines.add(ProgressBar::new_spinner());
                    bar.set_style(
                        ProgressStyle::with_template("  {spinner} {msg}")
                            .expect("the template is a constant"),
                    );
                    bar.enable_steady_tick(Duration::from_millis(250));
                    bars.push(bar);
                }
                let seat = &progress.seats[at];
                bars[at].set_message(harmless(&self.line(seat)));
                if seat.is_done() {
                    bars[at].disable_steady_tick();
                    bars[at].tick();
                }
            }
            Drawn::Plain(told) => {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let seat = &progress.seats[at];
                if seat.is_done() {
                    if told.done.insert(at) {
                        told.last = Instant::now();
                        super::say(&Self::plain_end(seat));
                    }
                } else {
                    // The first word of a new round is that its seats wait.
                    told.done.remove(&at);
                    if told.last.elapsed() >= PLAIN_EVERY {
                        told.last = Instant::now();
                        super::say(&Self::plain(progress));
                    }
                }
            }
        }
    }

    fn read(&self, what: &'static str, done: usize, of: usize) {
        let Drawn::Bars(lines, _) = &self.drawn else {
            return;
        };
        if done >= of {
            return self.end_reading();
        }
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = reading.get_or_insert_with(|| Reading {
            since: Instant::now(),
            bar: None,
        });
        if reading.since.elapsed() < QUIET_READING {
            return;
        }
        let bar = reading.bar.get_or_insert_with(|| {
            let bar = lines.add(ProgressBar::new_spinner());
            bar.set_style(
                ProgressStyle::with_template("  {spinner} {msg}")
                    .expect("the template is a constant"),
            );
            bar
        });
        bar.set_message(format!("reading {what}: {done} of {of}"));
        bar.tick();
    }
}

impl Drop for ProgressLines {
    fn drop(&mut self) {
        self.end_reading();
        if let Drawn::Bars(lines, bars) = &self.drawn {
            for bar in bars.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                bar.finish_and_clear();
            }
            // A terminal that went away is no failure of ours.
            let _ = lines.clear();
        }
    }
}

/// What a seat does, in words.
fn words(seat: &Seat) -> String {
    let elapsed = seat.started.map(|started| {
        let seconds = Timestamp::now().as_second() - started.as_second();
        clock(u64::try_from(seconds).unwrap_or_default())
    });
    let mut spent = Vec::new();
    match seat.tools {
        0 => {}
        1 => spent.push("1 tool call".to_owned()),
        many => spent.push(format!("{many} tool calls")),
    }
    if seat.tokens > 0 {
        spent.push(format!("{} tokens", thousands(seat.tokens)));
    }
    let spent = if spent.is_empty() {
        String::new()
    } else {
        format!(", {}", spent.join(", "))
    };
    match &seat.state {
        SeatState::Waiting => "waits".to_owned(),
        SeatState::Reading(doing) => {
            format!("{}{spent}, {doing}", elapsed.unwrap_or_default())
        }
        SeatState::AskedAgain => format!(
            "{}{spent}, asked again for what it left out",
            elapsed.unwrap_or_default()
        ),
        SeatState::Answered {
            findings,
            left_out,
            millis,
        } => {
            let findings = match findings {
                0 => "no findings".to_owned(),
                1 => "1 finding".to_owned(),
                many => format!("{many} findings"),
            };
            let left_out = match left_out {
                0 => String::new(),
                1 => ", 1 file left out".to_owned(),
                many => format!(", {many} files left out"),
            };
            let after = clock(millis / 1000);
            format!("answered after {after}{spent}: {findings}{left_out}")
        }
        SeatState::Failed { why, millis } => {
            format!("failed after {}{spent}: {why}", clock(millis / 1000))
        }
    }
}

/// Seconds as people write them.
fn clock(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

fn thousands(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        _ => format!("{}k", count / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::Event;

    #[test]
    fn reading_is_shown_once_it_takes_long_and_then_goes_away() {
        let lines = ProgressLines {
            width: 80,
            drawn: Drawn::Bars(
                MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
                Mutex::default(),
            ),
            reading: Mutex::default(),
        };
        let shown = || {
            let reading = lines.reading.lock().unwrap();
            let bar = reading.as_ref()?.bar.as_ref()?;
            Some(bar.message())
        };
        lines.read("new commits", 1, 10);
        assert_eq!(shown(), None, "it has only begun");
        let long_ago = Instant::now().checked_sub(QUIET_READING).unwrap();
        lines.reading.lock().unwrap().as_mut().unwrap().since = long_ago;
        lines.read("new commits", 2, 10);
        assert_eq!(shown().as_deref(), Some("reading new commits: 2 of 10"));
        lines.read("new commits", 10, 10);
        assert!(lines.reading.lock().unwrap().is_none());
    }

    #[test]
    fn a_seat_tells_what_it_does() {
        let mut seat = Seat {
            agent: "claude".to_owned(),
            part: Some((1, 2)),
            units: 3,
            state: SeatState::Waiting,
            started: None,
            tools: 0,
            tokens: 0,
        };
        assert_eq!(
            (seat.name().as_str(), words(&seat).as_str()),
            ("claude 1/2", "waits")
        );
        seat.started = Some(Timestamp::now());
        seat.hear(&Event::Tool {
            name: "Read".to_owned(),
        });
        seat.hear(&Event::Tokens {
            input: 12_000,
            cached: 9_000,
            output: 345,
        });
        assert!(
            words(&seat).ends_with("1 tool call, 12k tokens, Read"),
            "{}",
            words(&seat)
        );
        seat.state = SeatState::Failed {
            why: "401 \u{1b}[31mno".to_owned(),
            millis: 61_000,
        };
        assert_eq!(
            words(&seat),
            "failed after 1 min 01 s, 1 tool call, 12k tokens: 401 \u{1b}[31mno"
        );
        let end = ProgressLines::plain_end(&seat);
        assert!(end.starts_with("deep-review: claude 1/2: failed after 1 min 01 s"));
        assert!(!end.contains('\u{1b}'));
    }

    #[test]
    fn a_plain_line_tells_of_those_who_work_and_counts_the_others() {
        let seat = |part, state| Seat {
            agent: "claude".to_owned(),
            part: Some((part, 4)),
            units: 3,
            state,
            started: None,
            tools: 2,
            tokens: 0,
        };
        let answered = SeatState::Answered {
            findings: 0,
            left_out: 0,
            millis: 1_000,
        };
        let seats = vec![
            seat(1, answered),
            seat(2, SeatState::Reading("\u{1b}[31mRead".to_owned())),
            seat(3, SeatState::Waiting),
            seat(4, SeatState::Waiting),
        ];
        let plain = ProgressLines::plain(&Progress { seats });
        assert!(
            plain.starts_with("deep-review: 1 of 4 done; claude 2/4: "),
            "{plain}"
        );
        assert!(plain.ends_with("Read; 2 more to ask"), "{plain}");
        assert!(!plain.contains('\u{1b}'), "{plain}");
    }
}
