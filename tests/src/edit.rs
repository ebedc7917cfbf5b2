//! What a person, an editor or git does to a tree, as a value: printed when a test fails, applied again when it is replayed,
//! made smaller when a property test shrinks. Applying makes room: a file in the way of a directory gives way, and vice versa.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use crate::tree::Tree;
use crate::upstream::isolated_git;

/// One change of a tree. Paths are relative to its root.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "a field says no more than its variant")]
pub enum Edit {
    /// A file is written where it is.
    Write { path: String, text: Text },
    /// A file is written beside and renamed to its place, as editors do.
    Replace { path: String, text: Text },
    /// Other text of the same length under the old modification time, as `rsync --times` and `tar` leave it.
    WriteUnderOldTime { path: String },
    /// A file or a whole directory goes.
    Remove { path: String },
    /// A file or a directory gets another name; what had it before goes.
    Rename { from: String, to: String },
    /// Two files or directories change places.
    Exchange { one: String, other: String },
    /// A file or directory is moved away, to where nobody looks.
    MoveOut { path: String },
    /// A directory with this many files comes from elsewhere in one step.
    MoveIn { path: String, files: u64 },
    /// A symbolic link.
    Link { path: String, target: String },
    /// The mode changes and nothing else.
    Mode { path: String, mode: u32 },
    /// A tool writes this many files into a directory, or removes them again if they are there.
    Flood { directory: String, files: u64 },
    /// A git command; one that git refuses changes nothing.
    Git { arguments: Vec<String> },
}

/// What is written into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Source code; modules of neighbouring numbers have functions in common.
    Module(u64),
    /// Markdown.
    Prose(u64),
    /// These very lines.
    Lines(Vec<String>),
    /// Nothing.
    Empty,
    /// No text at all.
    Binary(u64),
    /// More than a file may have.
    Large(u64),
    /// One endless line.
    Minified(u64),
    /// UTF-16.
    Wide(u64),
    /// What another file holds.
    CopyOf(String),
}

/// The largest file of [`Text::Large`] is above this, all others are below.
const LARGE_BYTES: usize = 48 * 1024;

impl Edit {
    /// Does it.
    ///
    /// # Errors
    /// What the disk says; an edit of something that is not there is refused by it.
    pub fn apply(&self, tree: &Tree) -> io::Result<()> {
        match self {
            Edit::Write { path, text } => {
                let bytes = text.bytes(tree)?;
                make_room(tree, path)?;
                let file = tree.path(path);
                if file.is_symlink() {
                    fs::remove_file(&file)?;
                }
                fs::write(file, bytes)
            }
            Edit::Replace { path, text } => {
                let bytes = text.bytes(tree)?;
                make_room(tree, path)?;
                let aside = tree.path(&format!("{path}.tmp~"));
                fs::write(&aside, bytes)?;
                fs::rename(aside, tree.path(path))
            }
            Edit::WriteUnderOldTime { path } => {
                let file = tree.path(path);
                let modified = fs::metadata(&file)?.modified()?;
                let mut bytes = fs::read(&file)?;
                for byte in bytes.iter_mut().filter(|byte| byte.is_ascii_digit()) {
                    *byte = b'0' + (*byte - b'0' + 1) % 10;
                }
                fs::write(&file, bytes)?;
                fs::File::options().write(true).open(&file)?.set_modified(modified)
            }
            Edit::Remove { path } => remove(&tree.path(path)),
            Edit::Rename { from, to } => {
                fs::symlink_metadata(tree.path(from))?;
                if to.starts_with(&format!("{from}/")) || from.starts_with(&format!("{to}/")) {
                    return Err(io::Error::other("one is inside of the other"));
                }
                make_room(tree, to)?;
                fs::rename(tree.path(from), tree.path(to))
            }
            Edit::Exchange { one, other } => {
                let aside = tree.root().with_file_name("exchanged");
                fs::symlink_metadata(tree.path(other))?;
                fs::rename(tree.path(one), &aside)?;
                let moved = fs::rename(tree.path(other), tree.path(one));
                let back = if moved.is_ok() { other } else { one };
                fs::rename(aside, tree.path(back))?;
                moved
            }
            Edit::MoveOut { path } => {
                let away = tree.root().with_file_name("moved_out");
                remove(&away).ok();
                fs::rename(tree.path(path), away)
            }
            Edit::MoveIn { path, files } => {
                let prepared = tree.root().with_file_name("prepared");
                remove(&prepared).ok();
                for number in 0..*files {
                    let directory = prepared.join(format!("part_{}", number % 3));
                    fs::create_dir_all(&directory)?;
                    fs::write(directory.join(format!("in_{number}.py")), module(number + files))?;
                }
                make_room(tree, path)?;
                fs::rename(prepared, tree.path(path))
            }
            Edit::Link { path, target } => {
                make_room(tree, path)?;
                remove(&tree.path(path)).ok();
                symlink(target, tree.path(path))
            }
            Edit::Mode { path, mode } => fs::set_permissions(tree.path(path), fs::Permissions::from_mode(*mode)),
            Edit::Flood { directory, files } => {
                let first = tree.path(&format!("{directory}/flood_0.py"));
                let is_there = first.exists();
                for number in 0..*files {
                    let path = format!("{directory}/flood_{number}.py");
                    if is_there {
                        fs::remove_file(tree.path(&path)).ok();
                    } else {
                        make_room(tree, &path)?;
                        fs::write(tree.path(&path), format!("flood_{number} = {number}\n"))?;
                    }
                }
                Ok(())
            }
            Edit::Git { arguments } => {
                let mut git = isolated_git(tree.root());
                git.args(["-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null"])
                    .args(arguments);
                git.stdout(Stdio::null()).stderr(Stdio::null()).status().map(drop)
            }
        }
    }
}

impl Text {
    fn bytes(&self, tree: &Tree) -> io::Result<Vec<u8>> {
        Ok(match self {
            Text::Module(number) => module(*number).into_bytes(),
            Text::Prose(number) => prose(*number).into_bytes(),
            Text::Lines(lines) => lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect(),
            Text::Empty => Vec::new(),
            Text::Binary(number) => [&[0, 159, 146, 150][..], &number.to_le_bytes()].concat(),
            Text::Large(number) => format!("large_{number} = 1\n").repeat(LARGE_BYTES / 8).into_bytes(),
            Text::Minified(number) => format!("var a{number}=1;").repeat(1500).into_bytes(),
            Text::Wide(number) => {
                let units = prose(*number)
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>();
                [&[0xff, 0xfe], units.as_slice()].concat()
            }
            Text::CopyOf(path) => fs::read(tree.path(path))?,
        })
    }
}

/// One to six functions; a function is one of some fifty.
fn module(number: u64) -> String {
    let function = |at: u64| {
        let name = (number + at) % 50;
        format!("def compute_{name}(value):\n    step = value * {name}\n    return step + {name}\n\n\n")
    };
    let body: String = (0..=number % 6).map(function).collect();
    format!("\"\"\"Module {}.\"\"\"\n\n\n{body}", number % 9)
}

fn prose(number: u64) -> String {
    let sections = (0..=number % 3).map(|at| format!("## Part {at}\n\nSentence {number} speaks of part {at}.\n\n"));
    format!("# Title {}\n\n{}", number % 7, sections.collect::<String>())
}

/// Directories above `path` exist afterwards, and no directory is at `path`.
fn make_room(tree: &Tree, path: &str) -> io::Result<()> {
    for (slash, _) in path.match_indices('/') {
        let above = tree.path(&path[..slash]);
        if fs::symlink_metadata(&above).is_ok_and(|metadata| !metadata.is_dir()) {
            fs::remove_file(&above)?;
        }
    }
    let place = tree.path(path);
    if let Some(above) = place.parent() {
        fs::create_dir_all(above)?;
    }
    if fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir()) {
        fs::remove_dir_all(&place)?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
