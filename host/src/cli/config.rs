//! `switchboard config`: check the settings, or show what holds.

use url::Url;

use super::settings::Settings;
use crate::flow::media::Depot;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Say whether the settings can work
    Check(Settings),
    /// Print every setting as it holds
    Show(Settings),
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Check(settings) => {
            let config = settings.load()?;
            if !config.media.url.is_empty() {
                Depot::open(&config)?.check().await?;
            }
            println!("the settings are valid");
        }
        Command::Show(settings) => {
            let mut config = settings.load()?;
            config.database.url = without_password(&config.database.url);
            if !config.media.s3.secret_key.is_empty() {
                "***".clone_into(&mut config.media.s3.secret_key);
            }
            print!("{}", toml::to_string(&config)?);
        }
    }
    Ok(())
}

fn without_password(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    if parsed.password().is_none() || parsed.set_password(Some("***")).is_err() {
        return url.to_owned();
    }
    parsed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("postgres://me:hush@db/x"), "postgres://me:***@db/x");
        assert_eq!(without_password(""), "");
    }
}
