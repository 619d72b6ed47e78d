//! Spreads work on many small items over threads and keeps their order.
//! Patches have their own way in `patches`, which also bounds what is held at once.

use std::sync::Mutex;

/// From this much work on, threads pay.
const WORTH_THREADS: usize = 32 * 1024;

/// Maps in the order of `items`; on several threads if there is enough to do at this cost each,
/// in units of a comparison of a few numbers.
pub(in crate::git) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    cost: usize,
    make: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    in_parallel_with(items, cost, || (), |(), item| make(item))
}

/// Like [`in_parallel`], with something that each thread makes for itself.
pub(in crate::git) fn in_parallel_with<T: Sync, S, R: Send>(
    items: &[T],
    cost: usize,
    begin: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = if items.len() * cost < WORTH_THREADS {
        1
    } else {
        std::thread::available_parallelism().map_or(1, usize::from)
    };
    if threads < 2 {
        let mut own = begin();
        return items.iter().map(|item| make(&mut own, item)).collect();
    }
    let next = Mutex::new(items.iter().enumerate());
    let work = || {
        let mut own = begin();
        let mut done = Vec::new();
        loop {
            let item = next.lock().expect("nothing panics while holding it").next();
            let Some((index, item)) = item else {
                return done;
            };
            done.push((index, make(&mut own, item)));
        }
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        // This thread works as well: one that waits for others it has started shares a processor with
        // one of them until the system notices.
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for worker in workers {
            all.extend(worker.join().expect("work on one item does not panic"));
        }
        all
    });
    all.sort_unstable_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, made)| made).collect()
}
