//! What the queries of these routes may say.

use serde::Deserialize;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstallOptions {
    /// The file's name, for a bot in one file: `orders.js` is JavaScript with the id `orders`, `.ts`
    /// TypeScript; absent: `bot.js`. A `.wasm` file needs none.
    #[serde(default)]
    #[param(max_length = 200)]
    pub(super) name: String,
    /// `all` agrees to everything that the manifest asks.
    pub(super) grant: Option<String>,
    /// Account ids with commas between them; absent: as before, or all of the team.
    pub(super) account: Option<String>,
    /// The configuration as JSON; absent: as before, or the schema's defaults.
    pub(super) config: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StateKey {
    /// `plugin` (the default), `account`, `chat` or `contact`…
    pub(super) scope: Option<String>,
    /// …and its id.
    #[serde(default)]
    pub(super) id: String,
    pub(super) key: String,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StateKeys {
    /// `plugin`, `account`, `chat` or `contact`; absent: all.
    pub(super) scope: Option<String>,
    /// The id of one account, chat or contact; absent: all.
    #[serde(default)]
    pub(super) id: String,
    /// Only keys that begin so.
    #[serde(default)]
    pub(super) prefix: String,
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    pub(super) cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    pub(super) limit: Option<i64>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileName {
    /// The file's name, for a bot in one file; absent: `bot.js`. A `.wasm` file needs none.
    #[serde(default)]
    #[param(max_length = 200)]
    pub(super) name: String,
}
