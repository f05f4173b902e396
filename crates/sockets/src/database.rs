//! A database: keys and values, asked by framed messages, kept in a file.
//!
//! `get KEY` is answered by `value VALUE` or `nothing`, `set KEY VALUE` by `stored`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use lab::child::explain;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::address::Listener;
use crate::framing::{receive, send};

/// A file that is there as long as somebody has it open, memfd_create(2). It outlives a database.
pub fn disk() -> Result<File> {
    let file = memfd_create(c"database", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    Ok(File::from(file))
}

/// Serves one client after the other, until this process is ended.
pub fn serve(listener: &Listener, disk: &File) -> Result<()> {
    let mut database = Database::open(disk)?;
    loop {
        database.talk(&listener.accept().context("accept")?)?;
    }
}

/// What has been stored, and where.
pub struct Database<'a> {
    table: BTreeMap<String, String>,
    disk: &'a File,
}

impl Database<'_> {
    /// Reads what databases before this one have stored.
    pub fn open(mut disk: &File) -> Result<Database<'_>> {
        let mut text = String::new();
        disk.rewind().context("lseek")?;
        disk.read_to_string(&mut text).context("read")?;
        let pair = |line: &str| line.split_once(' ').map(|(k, v)| (k.to_owned(), v.to_owned()));
        Ok(Database { table: text.lines().filter_map(pair).collect(), disk })
    }

    /// Answers one client until it goes.
    pub fn talk(&mut self, stream: impl AsFd) -> Result<()> {
        let stream = File::from(stream.as_fd().try_clone_to_owned().context("dup")?);
        // A client that has gone, in whatever way, is no failure of the database.
        while let Ok(request) = receive(&stream) {
            let answer = self.answer(&String::from_utf8_lossy(&request)).context("write")?;
            if send(&stream, answer.as_bytes()).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn answer(&mut self, request: &str) -> io::Result<String> {
        let words: Vec<&str> = request.splitn(3, ' ').collect();
        Ok(match words[..] {
            ["get", key] => match self.table.get(key) {
                Some(value) => format!("value {value}"),
                None => "nothing".to_owned(),
            },
            ["set", key, value] if !value.contains('\n') => {
                writeln!(self.disk, "{key} {value}")?;
                self.table.insert(key.to_owned(), value.to_owned());
                "stored".to_owned()
            }
            _ => "not understood".to_owned(),
        })
    }
}
