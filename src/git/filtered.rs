//! Names the files of the work tree that a filter driver would convert before they are stored: drivers
//! are never run here, so they are read as they stand.
//! Line ends, which are converted, are decided in `eol`.

use gix::attrs::StateRef;
use gix::worktree::stack::state::attributes::Source;

use crate::diff::{Change, RepoPath};

use super::Repo;
use super::objects::native;

impl Repo {
    /// Of these changes, the files whose new content is not stored yet, and that an attribute puts under
    /// a filter driver; in their order.
    pub(crate) fn unfiltered(&self, changes: &[Change]) -> Vec<RepoPath> {
        let fresh = changes
            .iter()
            .filter_map(Change::new)
            .filter(|new| new.mode.is_file())
            .filter(|new| !self.raw().has_object(native(&new.id)));
        let nothing = gix::index::State::new(self.raw().object_hash());
        let source = Source::WorktreeThenIdMapping;
        let Ok(stack) = self.raw().attributes_only(&nothing, source) else {
            return Vec::new();
        };
        let mut stack = stack.detach();
        let mut outcome = stack.selected_attribute_matches(["filter"]);
        let mut is_filtered = |path: &RepoPath| {
            outcome.reset();
            let path: &gix::bstr::BStr = path.as_bytes().into();
            let Ok(found) = stack.at_entry(path, None, &self.raw().objects) else {
                return false;
            };
            found.matching_attributes(&mut outcome);
            let mut states = outcome.iter_selected().map(|found| found.assignment.state);
            matches!(states.next(), Some(StateRef::Value(_)))
        };
        fresh
            .map(|new| &new.path)
            .filter(|path| is_filtered(path))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn only_what_stands_on_disk_and_has_a_filter_is_named() {
        let fixture = Fixture::new();
        fixture.write(".gitattributes", "*.bin filter=lfs\nplain.bin -filter\n");
        fixture.commit();
        fixture.write("staged.bin", "staged\n");
        fixture.git(&["add", "-A"]);
        fixture.write("on-disk.bin", "on disk\n");
        fixture.write("plain.bin", "plain\n");
        fixture.write("text", "text\n");
        let repo = fixture.repo();
        let changes = repo.worktree(true).unwrap().changes;
        assert_eq!(changes.len(), 4);
        assert_eq!(repo.unfiltered(&changes), [RepoPath::from("on-disk.bin")]);
    }
}
