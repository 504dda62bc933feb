//! A lock: who holds it, and how many times over.

/// Whom a lock belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody who could take it again: a mutex that is no reentrant one, or a task outside of any scope.
    Guard,
    Scope(usize),
    Thread,
}

/// Held by somebody, so many times over, or free.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    holder: Option<(Owner, usize)>,
    /// What the mutex protects.
    pub value: u8,
}

impl Lock {
    pub fn is_free(&self) -> bool {
        self.holder.is_none()
    }

    pub fn levels(&self) -> usize {
        self.holder.map_or(0, |(_, levels)| levels)
    }

    pub fn owner(&self) -> Option<Owner> {
        self.holder.map(|(owner, _)| owner)
    }

    /// Takes it if it's free, or held by this owner.
    pub fn take(&mut self, owner: Owner) -> bool {
        let levels = match self.holder {
            None => 1,
            Some((holder, levels)) if holder == owner && owner != Owner::Guard => levels + 1,
            Some(_) => return false,
        };
        self.holder = Some((owner, levels));
        true
    }

    pub fn release(&mut self) {
        let (owner, levels) = self.holder.expect("only what is held is released");
        self.holder = (levels > 1).then_some((owner, levels - 1));
    }
}
