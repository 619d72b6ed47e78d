//! Reads single objects and checks them against their ids, replacements and refreshes off.
//! What is inside commits and trees is left to the readers of each.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use gix::objs::{Find as _, FindHeader as _, Kind};
use gix::odb::store::RefreshMode;

use crate::diff::{Oid, Unreadable};

use super::bases::Bases;
use super::files::{FileBlob, FileContent, Reason};
use super::packs::{Packs, Unpacking};

/// Why an object cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::git) enum ObjectFault {
    /// The database has nothing of this id.
    #[error("object {0} is missing")]
    Missing(Oid),
    /// It does not decode, is of another kind, or its content gives another id.
    #[error("object {0} is damaged")]
    Damaged(Oid),
    /// A file of the work tree that would be this object could not be read.
    #[error("{0}")]
    Unread(Reason),
}

impl From<ObjectFault> for Unreadable {
    fn from(fault: ObjectFault) -> Self {
        match fault {
            ObjectFault::Missing(id) => Self::Missing(id),
            ObjectFault::Damaged(id) => Self::Damaged(id),
            ObjectFault::Unread(why) => Self::Unread(why),
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
    packs: Option<Arc<Packs>>,
    unpacking: Unpacking,
    handle: gix::OdbHandle,
    hash: gix::hash::Kind,
    refreshes: Cell<u8>,
}

impl Objects {
    /// Takes a handle of its own from the repository. With `packs` the first few objects are looked
    /// for there.
    pub(in crate::git) fn of(
        repo: &gix::Repository,
        files: Arc<FileBlobs>,
        packs: Option<Arc<Packs>>,
    ) -> Self {
        let mut handle = repo.objects.clone();
        harden(&mut handle);
        handle.set_pack_cache(|| Box::new(Bases::default()));
        Self {
            files,
            packs,
            unpacking: Unpacking::default(),
            handle,
            hash: repo.object_hash(),
            refreshes: Cell::new(REFRESHES),
        }
    }

    /// Allows as many looks for new packs as at the beginning.
    pub(in crate::git) fn begin(&self) {
        self.refreshes.set(REFRESHES);
    }

    /// Puts the content of a blob into `buffer`, if it is easily had and small; `None` says nothing
    /// about whether it is there.
    pub(in crate::git) fn read_small_blob(
        &self,
        id: &Oid,
        verify: bool,
        buffer: &mut Vec<u8>,
    ) -> Option<Result<(), ObjectFault>> {
        let wanted = self.known(id).ok()?;
        if self.files.contains_key(id) {
            return None;
        }
        let kind = self.few()?.read(&wanted, &self.unpacking, buffer)?;
        Some(match kind {
            Kind::Blob if verify => self.check(&wanted, kind, buffer),
            Kind::Blob => Ok(()),
            _ => Err(ObjectFault::Damaged(*id)),
        })
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
        if kind == Kind::Blob
            && let Some(file) = self.file(id)?
        {
            *buffer = file.read().ok_or(ObjectFault::Damaged(*id))?;
            return self.check(&wanted, kind, buffer);
        }
        if self.find(&wanted, buffer)? != kind {
            return Err(ObjectFault::Damaged(*id));
        }
        if verify {
            self.check(&wanted, kind, buffer)?;
        }
        Ok(())
    }

    /// Puts the content of an object into `buffer`, and gives its kind.
    fn find(&self, wanted: &gix::oid, buffer: &mut Vec<u8>) -> Result<Kind, ObjectFault> {
        if let Some(packs) = self.few()
            && let Some(kind) = packs.read(wanted, &self.unpacking, buffer)
        {
            return Ok(kind);
        }
        let mut look = |handle: &gix::OdbHandle| match handle.try_find(wanted, buffer) {
            Ok(Some(found)) => Ok((found.kind, found.data.len())),
            Ok(None) => Err(ObjectFault::Missing(plain(wanted))),
            Err(_) => Err(ObjectFault::Damaged(plain(wanted))),
        };
        let found = look(&self.handle);
        let found =
            found.or_else(|fault| self.refreshed().map_or(Err(fault), |fresh| look(&fresh)));
        let (kind, len) = found?;
        buffer.truncate(len);
        Ok(kind)
    }

    /// The size in bytes of an object, from its header alone.
    pub(in crate::git) fn size(&self, id: &Oid) -> Result<u64, ObjectFault> {
        match self.file(id)? {
            Some(file) => Ok(file.size()),
            None => Ok(self.header(id)?.1),
        }
    }

    /// The file of the work tree that has the content of this id, if one does; why not, if it is the
    /// id of one that could not be read.
    pub(in crate::git) fn file(&self, id: &Oid) -> Result<Option<&FileContent>, ObjectFault> {
        match self.files.get(id) {
            Some(FileBlob::Content(file)) => Ok(Some(file)),
            Some(FileBlob::Unread(why)) => Err(ObjectFault::Unread(Arc::clone(why))),
            None => Ok(None),
        }
    }

    /// The kind and the size in bytes of an object of the database, from its header alone.
    pub(in crate::git) fn header(&self, id: &Oid) -> Result<(Kind, u64), ObjectFault> {
        let wanted = self.known(id)?;
        if let Some(packs) = self.few()
            && let Some(found) = packs.header(&wanted, &self.unpacking)
        {
            return Ok(found);
        }
        let look = |handle: &gix::OdbHandle| match handle.try_header(&wanted) {
            Ok(Some(header)) => Ok((header.kind, header.size)),
            Ok(None) => Err(ObjectFault::Missing(*id)),
            Err(_) => Err(ObjectFault::Damaged(*id)),
        };
        let found = look(&self.handle);
        found.or_else(|fault| self.refreshed().map_or(Err(fault), |fresh| look(&fresh)))
    }

    /// Where to look first, while that pays.
    fn few(&self) -> Option<&Packs> {
        self.packs.as_deref().filter(|packs| packs.pays())
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
