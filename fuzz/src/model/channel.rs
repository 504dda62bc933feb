//! The oneshot channels.

use amphi::oneshot::Closed;

#[derive(Clone, Debug, Default)]
pub struct Channel {
    pub value: Option<u32>,
    ended: Ended,
}

/// Which side has done what it will ever do, first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ended {
    #[default]
    Neither,
    Sender,
    Receiver,
}

impl Channel {
    pub fn is_closed(&self) -> bool {
        self.ended == Ended::Receiver
    }

    /// Whether the receiver need not wait.
    pub fn is_decided(&self) -> bool {
        self.ended != Ended::Neither
    }

    pub fn receive(&mut self) -> Option<Result<u32, Closed>> {
        let decided = self.is_decided();
        decided.then(|| self.value.take().ok_or(Closed))
    }

    /// Whether it has been accepted.
    pub fn send(&mut self, value: u32) -> bool {
        let accepted = !self.is_closed();
        if accepted {
            (self.value, self.ended) = (Some(value), Ended::Sender);
        }
        accepted
    }

    pub fn drop_sender(&mut self) {
        if self.ended == Ended::Neither {
            self.ended = Ended::Sender;
        }
    }

    pub fn drop_receiver(&mut self) {
        self.value = None;
        if self.ended == Ended::Neither {
            self.ended = Ended::Receiver;
        }
    }
}
