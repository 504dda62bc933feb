//! What `{:?}` and `{}` say of the types that users hold.

use amphi::{
    Barrier, Condvar, Event, LifoQueue, Mutex, MutexGuard, PriorityQueue, Queue, ReentrantMutex,
    Semaphore,
};
use std::fmt::Debug;
use std::time::Duration;

/// Each begins with the name of its type, and says nothing of user data but where it holds them.
#[track_caller]
fn assert_shows(shown: impl Debug, name: &str) {
    let shown = format!("{shown:?}");
    assert!(shown.starts_with(name), "{shown}");
}

#[test]
fn primitives() {
    assert_shows(Event::new(), "Event { set: false");
    assert_shows(Condvar::new(), "Condvar");
    assert_shows(Semaphore::new(3), "Semaphore");
    assert!(format!("{:?}", Semaphore::new(3)).contains('3'));
    assert_shows(
        Barrier::new(2),
        "Barrier { parties: 2, waiting: 0, broken: false",
    );
    assert_shows(Mutex::new(1), "Mutex { data: 1");
    assert_shows(ReentrantMutex::new(1), "ReentrantMutex { data: 1");
    assert_shows(Queue::<i32>::bounded(2), "Queue { len: 0");
    assert_shows(LifoQueue::<i32>::bounded(2), "LifoQueue { len: 0");
    assert_shows(PriorityQueue::<i32>::bounded(2), "PriorityQueue { len: 0");
}

#[test]
fn guards() {
    let mutex = Mutex::new("data");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "data \"data\"");
    let part = MutexGuard::map(guard, |data| data);
    assert_eq!(format!("{part} {part:?}"), "data \"data\"");
    let mutex = ReentrantMutex::new("data");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "data \"data\"");
    let semaphore = Semaphore::new(2);
    assert_shows(semaphore.try_acquire().unwrap(), "Permits { count: 1");
}

#[test]
fn waits() {
    let event = Event::new();
    assert_shows(event.wait(), "Wait { waiting: false, done: false");
    let timeout = event.wait().timeout(Duration::from_secs(1));
    assert_shows(timeout, "Timeout { wait: Wait");
    assert_shows(event.wait().or(std::future::ready(())), "Or { wait: Some");
    let queue = Queue::<i32>::unbounded();
    assert_shows(queue.into_iter(), "IntoIter(Queue");
}
