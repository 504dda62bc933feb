//! [`PoolBuilder`]: what a pool is to be like.

use super::ThreadPool;
use super::staff::Shared;
use std::fmt;
use std::num::NonZero;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// Says what a [`ThreadPool`] is to be like before it is made.
///
/// ```
/// use amphi::ThreadPool;
/// use std::time::Duration;
///
/// let pool = ThreadPool::builder()
///     .workers(100)
///     .name_prefix("disk")
///     .stack_size(256 * 1024)
///     .keep_alive(Duration::from_secs(10))
///     .initializer(|| println!("a worker has started"))
///     .build();
/// # drop(pool);
/// ```
#[must_use = "nothing is made before `build`"]
pub struct PoolBuilder {
    pub(super) workers: usize,
    pub(super) name_prefix: String,
    pub(super) stack_size: Option<usize>,
    pub(super) keep_alive: Option<Duration>,
    pub(super) initializer: Option<Box<dyn Fn() + Send + Sync>>,
}

impl PoolBuilder {
    pub(super) fn new() -> Self {
        PoolBuilder {
            workers: std::thread::available_parallelism().map_or(1, NonZero::get),
            name_prefix: "pool".into(),
            stack_size: None,
            keep_alive: None,
            initializer: None,
        }
    }

    /// Sets how many workers there may be. By default it is as many as the system can run at a time.
    ///
    /// # Panics
    ///
    /// If `workers` is zero.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::builder().workers(8).build();
    /// assert_eq!(pool.workers(), 8);
    /// ```
    #[doc(alias = "max_workers")]
    pub fn workers(self, workers: usize) -> Self {
        assert!(workers > 0, "a pool needs at least one worker");
        PoolBuilder { workers, ..self }
    }

    /// Sets what the workers' names begin with; `-0`, `-1`, ... follows. By default it is `pool`.
    ///
    /// # Panics
    ///
    /// If there is a zero byte in it, which no thread's name can contain.
    ///
    /// ```
    /// use amphi::{ThreadPool, thread};
    ///
    /// let pool = ThreadPool::builder().name_prefix("disk").build();
    /// let worker = pool.submit(thread::current)?.result().block()?;
    /// assert_eq!(worker.name(), Some("disk-0"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn name_prefix(self, prefix: impl Into<String>) -> Self {
        let name_prefix = prefix.into();
        assert!(
            !name_prefix.contains('\0'),
            "a thread's name can't contain a zero byte"
        );
        PoolBuilder {
            name_prefix,
            ..self
        }
    }

    /// Sets how many bytes each worker's stack has at least. By default std decides.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::builder().stack_size(64 * 1024 * 1024).build();
    /// let job = pool.submit(|| std::hint::black_box([1_u8; 8 * 1024 * 1024]).len())?;
    /// assert_eq!(job.result().block()?, 8 * 1024 * 1024);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        let stack_size = Some(bytes);
        PoolBuilder { stack_size, ..self }
    }

    /// Sets how long a worker stays when there is nothing to do. By default it stays until the pool is shut down.
    ///
    /// ```
    /// use amphi::{ThreadPool, thread};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::builder().keep_alive(Duration::ZERO).build();
    /// let worker = pool.submit(thread::current)?.result().block()?;
    /// worker.finished().block(); // by itself
    /// assert!(!pool.is_shut_down());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_alive(self, duration: Duration) -> Self {
        let keep_alive = Some(duration);
        PoolBuilder { keep_alive, ..self }
    }

    /// Has every worker call this before its first job.
    ///
    /// If it panics the pool is broken: jobs that have not begun end with [`JobError::Broken`](crate::JobError::Broken), and no
    /// more are accepted.
    ///
    /// ```
    /// use amphi::{JobError, ThreadPool};
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let pool = ThreadPool::builder().initializer(|| panic!("no connection")).build();
    /// let job = pool.submit(|| 1)?;
    /// assert!(matches!(job.result().block(), Err(JobError::Broken)));
    /// assert!(pool.submit(|| 2).is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer(self, initializer: impl Fn() + Send + Sync + 'static) -> Self {
        let initializer: Option<Box<dyn Fn() + Send + Sync>> = Some(Box::new(initializer));
        PoolBuilder {
            initializer,
            ..self
        }
    }

    /// Makes the pool. No worker is started yet.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::builder().build();
    /// assert!(pool.workers() >= 1);
    /// ```
    pub fn build(self) -> ThreadPool {
        ThreadPool {
            shared: Arc::new(Shared::new(self)),
        }
    }
}

// The initializer is called by workers, none of which goes on after its panic.
impl UnwindSafe for PoolBuilder {}
impl RefUnwindSafe for PoolBuilder {}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("workers", &self.workers)
            .field("name_prefix", &self.name_prefix)
            .field("stack_size", &self.stack_size)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}
