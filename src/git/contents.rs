//! Reads the content of many files on several threads, one at a time on each.
//! How contents differ is left to `patches`.

use gix::objs::Kind;

use crate::diff::{Entry, Mode, Unreadable};

use super::parallel::in_parallel_with;
use super::{ReadLimits, Repo};

/// What reading a file costs, a comparison of numbers being one.
const READING: usize = 1024;

impl Repo {
    /// Reads each file and hands its bytes to `visit`; gives what `visit` made, in the order of
    /// `entries`. A file above the limit is not read, whatever it is; of a submodule the bytes are
    /// its commit id in hexadecimal digits. A content is dropped after its visit.
    pub(crate) fn read_entries<T: Send>(
        &self,
        entries: &[Entry],
        limits: &ReadLimits,
        visit: impl Fn(&Entry, Result<&[u8], Unreadable>) -> T + Sync,
    ) -> Vec<T> {
        let shared = self.share();
        in_parallel_with(
            entries,
            READING,
            || (shared.objects(), Vec::new()),
            |(objects, buffer), entry| {
                if entry.mode == Mode::Submodule {
                    return visit(entry, Ok(entry.id.to_string().as_bytes()));
                }
                let bytes = match objects.size(&entry.id) {
                    Ok(bytes) => bytes,
                    Err(fault) => return visit(entry, Err(fault.into())),
                };
                let limit = limits.max_file_bytes;
                if bytes > limit {
                    return visit(entry, Err(Unreadable::TooLarge { bytes, limit }));
                }
                match objects.read(&entry.id, Kind::Blob, limits.verify, buffer) {
                    Ok(()) => visit(entry, Ok(buffer)),
                    Err(fault) => visit(entry, Err(fault.into())),
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn all_files_of_a_tree_are_read_in_order() {
        let fixture = Fixture::new();
        let one = "1".repeat(40);
        let mut files: Vec<(&str, String, Vec<u8>)> = (0..200)
            .map(|file| {
                (
                    "100644",
                    format!("d{}/{file}", file % 9),
                    file.to_string().into_bytes(),
                )
            })
            .collect();
        files.push(("100644", "large".into(), vec![b'x'; 101]));
        files.push(("160000", "sub".into(), one.clone().into_bytes()));
        let entries: Vec<_> = files
            .iter()
            .map(|(mode, path, content)| (*mode, path.as_str(), content.as_slice()))
            .collect();
        let tree = fixture.tree(&entries);
        let repo = fixture.repo();
        let limits = ReadLimits {
            max_file_bytes: 100,
            ..ReadLimits::default()
        };
        let found = repo.files(&tree).unwrap();
        let read = repo.read_entries(&found, &limits, |entry, content| {
            (
                entry.path.to_str_lossy().into_owned(),
                content.map(<[u8]>::to_vec),
            )
        });
        files.sort_by(|a, b| a.1.cmp(&b.1));
        for ((path, content), (_, expected, bytes)) in read.iter().zip(&files) {
            assert_eq!(path, expected);
            match path.as_str() {
                "large" => assert_eq!(
                    content,
                    &Err(Unreadable::TooLarge {
                        bytes: 101,
                        limit: 100
                    })
                ),
                _ => assert_eq!(content.as_ref(), Ok(bytes)),
            }
        }
        assert_eq!(read.len(), files.len());
    }
}
