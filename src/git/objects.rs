//! Reads single objects and checks them against their ids, replacements and refreshes off.
//! What is inside commits and trees is left to the readers of each.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use gix::objs::{Find as _, FindHeader as _, Kind};
use gix::odb::store::RefreshMode;

use crate::diff::{Oid, Unreadable};

use super::files::FileBlob;

/// Why an object cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::git) enum ObjectFault {
    /// The database has nothing of this id.
    #[error("object {0} is missing")]
    Missing(Oid),
    /// It does not decode, is of another kind, or its content gives another id.
    #[error("object {0} is damaged")]
    Damaged(Oid),
}

impl From<ObjectFault> for Unreadable {
    fn from(fault: ObjectFault) -> Self {
        match fault {
            ObjectFault::Missing(id) => Self::Missing(id),
            ObjectFault::Damaged(id) => Self::Damaged(id),
        }
    }
}

/// How often a missing object may cause the pack directory to be read again; a repack beside us
/// moves objects once, a partial clone misses thousands.
const REFRESHES: u8 = 3;

/// Contents that stand in files of the work tree, by the id that they would have as blobs.
pub(in crate::git) type FileBlobs = HashMap<Oid, FileBlob>;

/// An object database as one thread sees it, and the files of the work tree that were compared.
pub(in crate::git) struct Objects {
    files: Arc<FileBlobs>,
    handle: gix::OdbHandle,
    hash: gix::hash::Kind,
    refreshes: Cell<u8>,
}

impl Objects {
    /// Takes a handle of its own from the repository.
    pub(in crate::git) fn of(repo: &gix::Repository, files: Arc<FileBlobs>) -> Self {
        let mut handle = repo.objects.clone();
        harden(&mut handle);
        Self {
            files,
            handle,
            hash: repo.object_hash(),
            refreshes: Cell::new(REFRESHES),
        }
    }

    /// Puts the content of an object into `buffer`; with `verify` its hash is compared with its id.
    pub(in crate::git) fn read(
        &self,
        id: &Oid,
        kind: Kind,
        verify: bool,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ObjectFault> {
        let wanted = self.known(id)?;
        if let Some(file) = self.files.get(id).filter(|_| kind == Kind::Blob) {
            *buffer = file.read().ok_or(ObjectFault::Damaged(*id))?;
            return self.check(&wanted, kind, buffer);
        }
        let found = match self.handle.try_find(&wanted, buffer) {
            Ok(Some(found)) => Some((found.kind, found.data.len())),
            Ok(None) | Err(_) => None,
        };
        let found = match found {
            Some(found) => Some(found),
            None => match self.refreshed() {
                Some(fresh) => fresh
                    .try_find(&wanted, buffer)
                    .map_err(|_| ObjectFault::Damaged(*id))?
                    .map(|found| (found.kind, found.data.len())),
                None => self
                    .handle
                    .try_find(&wanted, buffer)
                    .map_err(|_| ObjectFault::Damaged(*id))?
                    .map(|found| (found.kind, found.data.len())),
            },
        };
        let (found, len) = found.ok_or(ObjectFault::Missing(*id))?;
        buffer.truncate(len);
        if found != kind {
            return Err(ObjectFault::Damaged(*id));
        }
        if verify {
            self.check(&wanted, kind, buffer)?;
        }
        Ok(())
    }

    /// The size in bytes of an object, from its header alone.
    pub(in crate::git) fn size(&self, id: &Oid) -> Result<u64, ObjectFault> {
        let wanted = self.known(id)?;
        if let Some(file) = self.files.get(id) {
            return Ok(file.size());
        }
        if let Ok(Some(header)) = self.handle.try_header(&wanted) {
            return Ok(header.size);
        }
        let header = match self.refreshed() {
            Some(fresh) => fresh.try_header(&wanted),
            None => self.handle.try_header(&wanted),
        };
        match header {
            Ok(Some(header)) => Ok(header.size),
            Ok(None) => Err(ObjectFault::Missing(*id)),
            Err(_) => Err(ObjectFault::Damaged(*id)),
        }
    }

    fn check(&self, id: &gix::oid, kind: Kind, content: &[u8]) -> Result<(), ObjectFault> {
        match gix::objs::compute_hash(self.hash, kind, content) {
            Ok(hash) if *hash == *id => Ok(()),
            _ => Err(ObjectFault::Damaged(plain(id))),
        }
    }

    /// The id as gix has it, if it is of this repository's object format.
    fn known(&self, id: &Oid) -> Result<gix::ObjectId, ObjectFault> {
        let native = native(id);
        if native.kind() == self.hash {
            Ok(native)
        } else {
            Err(ObjectFault::Missing(*id))
        }
    }

    /// A handle that looks for new packs once more, while that is allowed.
    fn refreshed(&self) -> Option<gix::OdbHandle> {
        let left = self.refreshes.get().checked_sub(1)?;
        self.refreshes.set(left);
        let mut fresh = self.handle.clone();
        fresh.refresh = RefreshMode::AfterAllIndicesLoaded;
        Some(fresh)
    }
}

/// Turns off what would change or slow down what is read: replacement objects, and the search for
/// new packs at every miss.
pub(in crate::git) fn harden(handle: &mut gix::OdbHandle) {
    handle.refresh_never();
    handle.ignore_replacements = true;
}

/// The id as gix has it.
pub(in crate::git) fn native(id: &Oid) -> gix::ObjectId {
    gix::ObjectId::from_bytes_or_panic(id.as_bytes())
}

/// The id as the rest of the program has it.
pub(in crate::git) fn plain(id: &gix::oid) -> Oid {
    Oid::from_bytes(id.as_bytes()).expect("gix knows ids of 20 and 32 bytes only")
}
