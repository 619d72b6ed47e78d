//! Spreads work on many items over threads and keeps their order.
//! Patches have their own way in `git::patches`, which also bounds what is held at once.

use std::sync::Mutex;

/// From this much work on, threads pay.
const WORTH_THREADS: usize = 32 * 1024;

/// As many threads as can work at the same time here, at most so many.
pub(crate) fn threads(most: usize) -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(most)
        .max(1)
}

/// Lets so many threads do the same work, and gives what each made of it; one does it here.
///
/// The thread that starts others only waits for them. On a machine with few processors a new thread may
/// begin on the processor of the one that started it, and stay there for as long as that one goes on.
pub(crate) fn on_threads<R: Send>(threads: usize, work: impl Fn() -> R + Sync) -> Vec<R> {
    if threads < 2 {
        return vec![work()];
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("work on many items does not panic"))
            .collect()
    })
}

/// Maps in the order of `items`; on several threads if there is enough to do at this cost each,
/// in units of a comparison of a few numbers.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    cost: usize,
    make: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    in_parallel_with(items, cost, || (), |(), item| make(item))
}

/// Like [`in_parallel`], with something that each thread makes for itself.
pub(crate) fn in_parallel_with<T: Sync, S, R: Send>(
    items: &[T],
    cost: usize,
    begin: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = match items.len().saturating_mul(cost) {
        0..WORTH_THREADS => 1,
        _ => threads(items.len()),
    };
    map_on(threads, items, begin, make)
}

/// Maps in the order of `items`, on so many threads, with something that each makes for itself.
pub(crate) fn map_on<T: Sync, S, R: Send>(
    threads: usize,
    items: &[T],
    begin: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 {
        let mut own = begin();
        return items.iter().map(|item| make(&mut own, item)).collect();
    }
    let next = Mutex::new(items.iter().enumerate());
    let done = on_threads(threads, || {
        let mut own = begin();
        let mut done = Vec::new();
        loop {
            let item = next.lock().expect("nothing panics while holding it").next();
            let Some((index, item)) = item else {
                return done;
            };
            done.push((index, make(&mut own, item)));
        }
    });
    let mut all: Vec<(usize, R)> = done.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn what_threads_make_stands_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [1, 2, 7] {
            let made = map_on(threads, &items, || 1, |one, item| item + *one);
            assert_eq!(made, (1..=1000).collect::<Vec<_>>());
        }
        assert!(map_on(3, &[] as &[u8], || (), |(), _| ()).is_empty());
    }

    #[test]
    fn all_threads_work_at_the_same_time_and_none_of_them_is_the_one_that_waits() {
        let together = Barrier::new(3);
        let ids = on_threads(3, || {
            together.wait();
            format!("{:?}", std::thread::current().id())
        });
        let own = format!("{:?}", std::thread::current().id());
        let ids: BTreeSet<String> = ids.into_iter().collect();
        assert_eq!(ids.len(), 3);
        assert!(!ids.contains(&own));
        assert_eq!(
            on_threads(1, || std::thread::current().id()),
            [std::thread::current().id()]
        );
    }

    #[test]
    fn little_work_starts_no_thread() {
        let own = std::thread::current().id();
        let here = |_: &u8| std::thread::current().id() == own;
        assert_eq!(in_parallel(&[1, 2], 100, here), [true, true]);
        assert_eq!(threads(1), 1);
        assert_eq!(threads(0), 1);
    }
}
