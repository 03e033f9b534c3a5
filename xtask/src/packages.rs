//! What the tests need from the system: PostgreSQL, Chromium, Python and a C compiler for WebAssembly, from
//! Debian's packages when absent.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::steps;

/// Something the tests need: how to see whether it is there, and the packages that bring it.
struct Need {
    is_there: fn() -> bool,
    packages: &'static [&'static str],
}

const NEEDS: [Need; 4] = [
    Need { is_there: || postgres_programs().is_some(), packages: &["postgresql"] },
    Need {
        is_there: || steps::on_path("chromium") && steps::on_path("chromedriver"),
        packages: &["chromium", "chromium-driver"],
    },
    Need { is_there: python_makes_environments, packages: &["python3", "python3-venv"] },
    Need {
        is_there: || steps::on_path("clang-19") && Path::new("/usr/include/wasm32-wasi").is_dir(),
        packages: &["clang-19", "lld-19", "libclang-rt-19-dev-wasm32", "wasi-libc"],
    },
];

/// Installs its arguments. Debian asks policy-rc.d before it starts a service that it installed; this
/// one says no, or postgresql would leave a database running that nobody asked for.
const INSTALL: &str = r"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends $@
";

fn python_makes_environments() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Install what is missing. Nothing that is installed here starts a service.
pub fn install_missing() -> Result<()> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    let names = packages.join(" ");
    ensure!(
        steps::on_path("apt-get"),
        "the tests need {names}, and there is no apt-get to install them: install them by hand"
    );
    let mut install = Command::new(if is_root()? { "sh" } else { "sudo" });
    if !is_root()? {
        install.arg("sh");
    }
    install.args(["-c", INSTALL, "install"]).args(&packages);
    steps::run_quietly(&format!("installing {names}"), &mut install)?;
    for need in missing {
        ensure!(
            (need.is_there)(),
            "{} was installed, and its programs are not found",
            need.packages.join(" ")
        );
    }
    Ok(())
}

/// The folder of PostgreSQL's programs: the newest of Debian's, or one on the `PATH`.
pub fn postgres_programs() -> Option<PathBuf> {
    let has_server =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, folder)| has_server(folder))
        .max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.map(|(_, folder)| folder).or_else(|| std::env::split_paths(&path).find(has_server))
}

pub fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot start id")?;
    Ok(output.stdout.trim_ascii() == b"0")
}
