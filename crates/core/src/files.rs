//! Files that are there whole or not at all.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::path::Path;

/// Lets `write` make a file beside `path` that then takes its place: until it is complete and on the disk, what stood there
/// stays.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.part", std::process::id()));
    let temporary = Path::new(&temporary);
    let written = write(temporary)
        .and_then(|()| File::open(temporary)?.sync_all().map_err(Error::from))
        .and_then(|()| fs::rename(temporary, path).map_err(Error::from));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(temporary);
    }
    written
}
