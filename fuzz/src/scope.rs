//! Code that is run inside an owner's scope, one piece at a time.

use amphi::owner;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

type Errand<'a> = Box<dyn FnOnce() + 'a>;
type Slot<T> = Rc<Cell<Option<T>>>;

/// An owner, to whom a [`ReentrantMutex`](amphi::ReentrantMutex) can belong.
pub struct Scope<'a> {
    errand: Slot<Errand<'a>>,
    runner: Pin<Box<owner::Scope<Runner<'a>>>>,
}

impl<'a> Scope<'a> {
    pub fn new() -> Self {
        let errand = Slot::default();
        let runner = Runner {
            errand: errand.clone(),
        };
        Scope {
            errand,
            runner: Box::pin(owner::scope(runner)),
        }
    }

    /// Runs the code as this owner's.
    pub fn run<R: 'a>(&mut self, code: impl FnOnce() -> R + 'a) -> R {
        let answer = Slot::default();
        let answers = answer.clone();
        self.errand
            .set(Some(Box::new(move || answers.set(Some(code())))));
        let mut context = Context::from_waker(Waker::noop());
        let polled = self.runner.as_mut().poll(&mut context);
        assert!(polled.is_pending(), "a scope never ends");
        answer.take().expect("the code has been run")
    }
}

/// Whenever it's polled it runs what it is given.
struct Runner<'a> {
    errand: Slot<Errand<'a>>,
}

impl Future for Runner<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let Some(errand) = self.errand.take() {
            errand();
        }
        Poll::Pending
    }
}
