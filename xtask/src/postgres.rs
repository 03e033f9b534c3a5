//! A PostgreSQL server of the tests' own: a new folder, a free loopback port, gone when they end.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::{packages, steps};

/// How long a server may take to accept connections.
const START: Duration = Duration::from_secs(60);

/// Runs the server (its arguments, in the folder `$0`) until its own input ends, then stops it and
/// removes the folder. The input is a pipe from this program, so it ends however this program does.
const SUPERVISE: &str = r#"
trap '' HUP INT TERM
"$@" > log 2>&1 &
read -r _
kill -INT $!
wait $!
cd /
rm -rf "$0"
"#;

/// A running server; dropping it stops it and removes its folder.
pub struct Postgres {
    supervisor: Child,
    folder: PathBuf,
    pub url: String,
}

/// Who runs the server: it refuses to run as root.
#[derive(Clone, Copy)]
enum User {
    Oneself,
    Other { uid: u32, gid: u32 },
}

impl Postgres {
    pub fn start() -> Result<Self> {
        let programs = packages::postgres_programs().context("PostgreSQL is not installed")?;
        let user = User::find()?;
        let folder = new_folder(user)?;
        let mut initdb = user.command(&programs.join("initdb"));
        initdb.args(["--pgdata=data", "--no-sync", "--username=postgres"]).current_dir(&folder);
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C"]);
        steps::run_quietly("making a database for the tests", &mut initdb)?;
        // Free when it is asked for; nobody else on this machine is told of it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut supervisor = user.command(Path::new("sh"));
        supervisor
            .current_dir(&folder)
            .args(["-c", SUPERVISE])
            .arg(&folder)
            .arg(programs.join("postgres"));
        supervisor.args(["-D", "data", "-k"]).arg(&folder).arg("-p").arg(port.to_string());
        // The tests kill the host, never this server: it need not wait for the disk.
        for setting in [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=400",
        ] {
            supervisor.args(["-c", setting]);
        }
        // A group of its own: Ctrl-C is for the tests, which need the server while they stop.
        supervisor
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let supervisor = supervisor.spawn().context("cannot start PostgreSQL")?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let postgres = Self { supervisor, folder, url };
        postgres.wait_until_ready(&programs.join("pg_isready"))?;
        Ok(postgres)
    }

    fn wait_until_ready(&self, pg_isready: &Path) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < START {
            if Command::new(pg_isready).args(["--quiet", "--dbname", &self.url]).status()?.success()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("PostgreSQL did not accept connections within {} s:\n{log}", START.as_secs())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of its input is the sign to stop.
        drop(self.supervisor.stdin.take());
        if let Err(problem) = self.supervisor.wait() {
            eprintln!(
                "error: stopping the tests' PostgreSQL in {}: {problem}",
                self.folder.display()
            );
        }
    }
}

impl User {
    /// Oneself, or where that is root, `postgres`, whom the package made.
    fn find() -> Result<Self> {
        if !packages::is_root()? {
            return Ok(Self::Oneself);
        }
        let id = |flag: &str| -> Result<u32> {
            let output = Command::new("id").args([flag, "postgres"]).output()?;
            ensure!(
                output.status.success(),
                "there is no user postgres to run the tests' database"
            );
            Ok(String::from_utf8(output.stdout)?.trim().parse()?)
        };
        Ok(Self::Other { uid: id("-u")?, gid: id("-g")? })
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// A new folder that the server's user owns, outside the workspace, which may be closed to them.
fn new_folder(user: User) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("switchboard-tests-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if let User::Other { uid, gid } = user {
        std::os::unix::fs::chown(&folder, Some(uid), Some(gid))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_gone_with_its_owner_and_leaves_no_folder() {
        packages::install_missing().expect("PostgreSQL is there or can be installed");
        let postgres = Postgres::start().expect("it starts");
        let folder = postgres.folder.clone();
        let pid_file =
            std::fs::read_to_string(folder.join("data/postmaster.pid")).expect("it runs");
        let pid = pid_file.lines().next().expect("its first line is the pid").to_owned();
        assert!(Path::new("/proc").join(&pid).exists());
        drop(postgres);
        assert!(!Path::new("/proc").join(&pid).exists(), "the server still runs");
        assert!(!folder.exists(), "{} is left behind", folder.display());
    }
}
