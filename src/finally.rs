//! Something that is done in any case.

/// Does something when it is dropped, so also while unwinding.
#[must_use = "it is done as soon as this is dropped"]
pub(crate) struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Finally<F> {
    #[inline]
    pub(crate) fn new(action: F) -> Self {
        Finally(action)
    }

    /// It need not be done any more.
    #[inline]
    pub(crate) fn cancel(self) {
        std::mem::forget(self);
    }
}

impl<F: FnMut()> Drop for Finally<F> {
    #[inline]
    fn drop(&mut self) {
        (self.0)();
    }
}
