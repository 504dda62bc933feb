//! Who holds a [`ReentrantMutex`](crate::ReentrantMutex): a thread, or a scope within a task.
//!
//! A lock that its holder may take again has to know who that is. For a thread that is clear. But a task moves
//! between threads, and several tasks share one, so the task's code says where it begins and ends: a [`scope`]
//! is a future whose code is one owner wherever it is polled, with everything that it calls or awaits.
//!
//! ```
//! use amphi::{ReentrantMutex, block_on, owner};
//!
//! static LOCK: ReentrantMutex<()> = ReentrantMutex::new(());
//!
//! async fn inner() -> usize {
//!     let _again = LOCK.lock().await;
//!     LOCK.depth()
//! }
//!
//! let depth = block_on(owner::scope_named("boss", async {
//!     let _guard = LOCK.lock().await;
//!     assert_eq!(owner::current().name(), Some("boss"));
//!     inner().await
//! }));
//! assert_eq!(depth, 2);
//! ```
//!
//! Whatever runs side by side in one scope, such as the parts of a `join!`, is one owner: the lock does not keep the parts from each
//! other. Scopes may be nested; the innermost one counts, and is another owner than those around it. Tasks and threads that the
//! scope's code spawns are not part of it.

use crate::sync::local;
use pin_project_lite::pin_project;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

/// A thread or a [`scope`], as far as it can hold a [`ReentrantMutex`](crate::ReentrantMutex).
///
/// Two are equal if they are the same, whatever their names. It is shown by its name, or else by its number.
///
/// ```
/// use amphi::{block_on, owner};
///
/// let boss = block_on(owner::scope_named("boss", async { owner::current() }));
/// let other = block_on(owner::scope_named("boss", async { owner::current() }));
/// assert_ne!(boss, other);
/// assert_eq!(boss.to_string(), "boss");
/// ```
#[derive(Clone, Debug)]
pub struct Owner {
    id: u64,
    name: Option<Arc<str>>,
}

impl Owner {
    /// The owner with this id, and its name as long as it's known.
    pub(crate) fn with_id(id: u64) -> Self {
        let name = names().get(&id).cloned();
        Owner { id, name }
    }

    /// A number that no other owner of this process has or has had. Zero stands for each lock that is
    /// awaited outside of a scope.
    ///
    /// ```
    /// use amphi::owner;
    ///
    /// let mine = owner::current().id();
    /// let other = std::thread::spawn(|| owner::current().id());
    /// assert_ne!(other.join().unwrap(), mine);
    /// ```
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name of the scope or the thread, if it has one.
    ///
    /// ```
    /// use amphi::{block_on, owner};
    ///
    /// let name = block_on(owner::scope_named("boss", async {
    ///     owner::current().name().map(str::to_string)
    /// }));
    /// assert_eq!(name.as_deref(), Some("boss"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Owner {}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.pad(name),
            None => write!(f, "owner {}", self.id),
        }
    }
}

/// Who runs this code: the innermost scope around it, or else the thread.
///
/// ```
/// use amphi::{block_on, owner};
///
/// let thread = owner::current();
/// assert_eq!(owner::current(), thread);
/// assert_ne!(block_on(owner::scope(async { owner::current() })), thread);
/// ```
pub fn current() -> Owner {
    Owner::with_id(current_id(true))
}

/// Makes the future's code an owner: whatever it locks it may lock again.
///
/// # Cancel safety
///
/// That of the future.
///
/// ```
/// use amphi::{ReentrantMutex, block_on, owner};
///
/// let lock = ReentrantMutex::new(1);
/// block_on(owner::scope(async {
///     let first = lock.lock().await;
///     let second = lock.lock().await;
///     assert_eq!(*first + *second, 2);
/// }));
/// ```
pub fn scope<F: Future>(future: F) -> Scope<F> {
    Scope {
        owner: next_id(),
        _name: None,
        future: Some(future),
    }
}

/// Like [`scope`], with a name, which is shown wherever the owner of a lock is.
///
/// # Cancel safety
///
/// That of the future.
///
/// ```
/// use amphi::{ReentrantMutex, block_on, owner};
///
/// let lock = ReentrantMutex::new(());
/// block_on(owner::scope_named("boss", async {
///     let _guard = lock.lock().await;
///     assert!(format!("{lock:?}").contains("held by boss"));
/// }));
/// ```
pub fn scope_named<F: Future>(name: impl Into<Arc<str>>, future: F) -> Scope<F> {
    let owner = next_id();
    Scope {
        owner,
        _name: Some(Name::new(owner, name.into())),
        future: Some(future),
    }
}

pin_project! {
    /// A future whose code is an owner of its own: what [`scope`] and [`scope_named`] return.
    ///
    /// ```
    /// use amphi::owner::{self, Scope};
    /// use amphi::block_on;
    ///
    /// let scope: Scope<_> = owner::scope(async { owner::current() });
    /// assert_ne!(block_on(scope), owner::current());
    /// ```
    #[must_use = "nothing happens until it is awaited"]
    pub struct Scope<F> {
        owner: u64,
        // As long as the scope lives its name is known.
        _name: Option<Name>,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _inside = Inside::enter(*this.owner);
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = Inside::enter(*this.owner);
        let future = this.future.as_pin_mut();
        future.expect("it is there until it is dropped").poll(cx)
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("owner", &Owner::with_id(self.owner))
            .finish_non_exhaustive()
    }
}

/// The owner of every lock that is awaited outside of a scope. Nobody is it, so nobody enters again.
pub(crate) const NOBODY: u64 = 0;

/// Whoever runs this code; outside of a scope the thread if it blocks, or else [`NOBODY`] in particular.
#[inline]
pub(crate) fn current_id(blocks: bool) -> u64 {
    match SCOPE.with(Cell::get) {
        0 if blocks => thread_id(),
        id => id,
    }
}

/// Whether that owner's code can't go on before this thread returns from where it is: the owner is the thread, and the code
/// here belongs to a scope; or it's a scope around the innermost one.
pub(crate) fn is_beneath(owner: u64) -> bool {
    let outer = || OUTER.with(|outer| outer.borrow().contains(&owner));
    owner != NOBODY && owner != current_id(true) && (owner == thread_id() || outer())
}

/// The thread as an owner.
#[inline]
pub(crate) fn thread_id() -> u64 {
    match THREAD.with(Cell::get) {
        0 => first_thread_id(),
        id => id,
    }
}

#[cold]
fn first_thread_id() -> u64 {
    // Another thread may have that name, too. There is but one id for them, for whoever swaps first; Relaxed does for that.
    static MAIN_IS_KNOWN: AtomicBool = AtomicBool::new(false);
    let is_main = std::thread::current().name() == Some("main")
        && !MAIN_IS_KNOWN.swap(true, Ordering::Relaxed);
    let id = if is_main { main_thread_id() } else { next_id() };
    become_thread(id);
    id
}

/// The main thread as an owner, whether it has asked for its id or not.
pub(crate) fn main_thread_id() -> u64 {
    static MAIN: OnceLock<u64> = OnceLock::new();
    *MAIN.get_or_init(next_id)
}

/// Gives this thread, which has none, an id, and its name to that.
pub(crate) fn become_thread(id: u64) {
    THREAD.with(|thread| thread.set(id));
    if let Some(name) = std::thread::current().name() {
        let name = Name::new(id, name.into());
        // Past the end of the thread's locals it has no name any more.
        let _ = THREAD_NAME.try_with(|slot| slot.set(Some(name)));
    }
}

pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed, as it's only to be another one each time.
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    // A mutex keeps it beside the number of levels.
    assert!(id < 1 << 48, "no more than 2^48 owners can be told apart");
    id
}

local! {
    /// The scope that this thread runs, or zero.
    static SCOPE: Cell<u64> = Cell::new(0);
    /// The scopes around that. Without a destructor, so that it's there as long as the thread is.
    static OUTER: RefCell<ManuallyDrop<Vec<u64>>> = RefCell::new(ManuallyDrop::new(Vec::new()));
    /// The thread's own id, or zero if it has not needed one yet.
    static THREAD: Cell<u64> = Cell::new(0);
    static THREAD_NAME: Cell<Option<Name>> = Cell::new(None);
}

/// This thread runs a scope's code.
struct Inside {
    outer: u64,
}

impl Inside {
    fn enter(owner: u64) -> Self {
        let outer = SCOPE.with(|scope| scope.replace(owner));
        if outer != 0 {
            OUTER.with(|scopes| scopes.borrow_mut().push(outer));
        }
        Inside { outer }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if self.outer != 0 {
            OUTER.with(|scopes| {
                let mut scopes = scopes.borrow_mut();
                scopes.pop();
                if scopes.is_empty() {
                    **scopes = Vec::new();
                }
            });
        }
        SCOPE.with(|scope| scope.set(self.outer));
    }
}

/// The names of the owners that have one and live.
fn names() -> std::sync::MutexGuard<'static, HashMap<u64, Arc<str>>> {
    static NAMES: LazyLock<Mutex<HashMap<u64, Arc<str>>>> = LazyLock::new(Mutex::default);
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry among the [`names`].
#[derive(Debug)]
struct Name(u64);

impl Name {
    fn new(id: u64, name: Arc<str>) -> Self {
        names().insert(id, name);
        Name(id)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        names().remove(&self.0);
    }
}
