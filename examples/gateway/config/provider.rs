//! `[[providers]]`: what each speaks, where it is, and what it is sent as a secret.

use std::collections::HashSet;

use tower_completions::Secret;
use tower_completions::translate::openai::Profile;
use tower_completions::translate::{Azure, BaseUrl, Bedrock};

use super::read::{Environment, unique};
use super::table::{Refusal, Table, Value, credential};
use super::{Language, Place, Provider, Signing};

pub(super) fn providers(tables: Vec<Table<'_>>, env: Environment<'_>) -> Result<Vec<Provider>, Refusal> {
    let mut names = HashSet::new();
    tables.into_iter().map(|table| provider(table, &mut names, env)).collect()
}

fn provider(mut table: Table<'_>, names: &mut HashSet<String>, env: Environment<'_>) -> Result<Provider, Refusal> {
    let name = unique(&table.require("name")?, names)?;
    let protocol = table.require("protocol")?;
    let (mut profile, mut api_version, mut signing) = (None, None, None);
    let (language, place) = match protocol.text()? {
        "openai" => {
            profile = table.take("profile").map(|profile| known_profile(&profile)).transpose()?;
            (Language::OpenAi, remote(&mut table, env)?)
        }
        "anthropic" => (Language::Anthropic, remote(&mut table, env)?),
        "gemini" => (Language::Gemini, remote(&mut table, env)?),
        "azure" => {
            api_version = table.take("api_version").map(|version| version.text().map(str::to_owned)).transpose()?;
            (Language::Azure, azure(&mut table, env)?)
        }
        "bedrock" => {
            let (place, keys) = bedrock(&mut table, env)?;
            signing = keys;
            (Language::Bedrock, place)
        }
        "mock" => (mock_language(&mut table)?, Place::Mock),
        _ => return Err(protocol.refuse("must be openai, anthropic, gemini, bedrock, azure or mock")),
    };
    let reads_on = match table.take("on_disconnect") {
        Some(choice) => reads_on(&choice)?,
        None => false,
    };
    table.finish()?;
    Ok(Provider { name, language, place, profile, api_version, signing, reads_on })
}

/// Whether the provider's answer is read on when its client has left.
fn reads_on(choice: &Value<'_>) -> Result<bool, Refusal> {
    match choice.text()? {
        "cancel" => Ok(false),
        "drain" => Ok(true),
        _ => Err(choice.refuse("must be cancel or drain")),
    }
}

fn known_profile(profile: &Value<'_>) -> Result<String, Refusal> {
    let name = profile.text()?;
    match Profile::named(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(profile.refuse("there is no profile of this name; docs/providers.md lists them")),
    }
}

fn remote(table: &mut Table<'_>, env: Environment<'_>) -> Result<Place, Refusal> {
    let base_url = table.require("base_url")?;
    BaseUrl::new(base_url.text()?).map_err(|error| base_url.refuse(error.to_string()))?;
    let key = secret(table, "api_key", "api_key_env", env)?;
    Ok(Place::Remote { base_url: base_url.text()?.to_owned(), key })
}

/// The URL of a resource may bring a query along.
fn azure(table: &mut Table<'_>, env: Environment<'_>) -> Result<Place, Refusal> {
    let base_url = table.require("base_url")?;
    Azure::new(base_url.text()?).map_err(|error| base_url.refuse(error.to_string()))?;
    let key = secret(table, "api_key", "api_key_env", env)?;
    Ok(Place::Remote { base_url: base_url.text()?.to_owned(), key })
}

/// Amazon's own place in the region, unless there is another; with an API key, or with one that signs.
fn bedrock(table: &mut Table<'_>, env: Environment<'_>) -> Result<(Place, Option<Signing>), Refusal> {
    let region = table.take("region");
    let base_url = match (table.take("base_url"), &region) {
        (Some(url), _) => {
            BaseUrl::new(url.text()?).map_err(|error| url.refuse(error.to_string()))?;
            Some(url.text()?.to_owned())
        }
        (None, Some(_)) => None,
        (None, None) => return Err(table.refuse("region", "is missing, and so is base_url")),
    };
    if let Some(region) = &region {
        Bedrock::in_region(region.text()?).map_err(|error| region.refuse(error.to_string()))?;
    }
    let region = region.map(|region| region.text().map(str::to_owned)).transpose()?;
    let key = secret(table, "api_key", "api_key_env", env)?;
    let id = table.take("access_key_id");
    let own = secret(table, "secret_access_key", "secret_access_key_env", env)?;
    let session_token = secret(table, "session_token", "session_token_env", env)?;
    let signing = match (id, own) {
        (None, None) => None,
        (Some(id), _) if key.is_some() => return Err(id.refuse("there is an api_key already; give one of the two")),
        (Some(id), Some(secret_access_key)) => {
            let Some(region) = region.clone() else {
                return Err(table.refuse("region", "is missing: a signature names it"));
            };
            let access_key_id = id.text()?.to_owned();
            Some(Signing { region, access_key_id, secret_access_key, session_token })
        }
        (Some(_), None) => return Err(table.refuse("secret_access_key", "is missing")),
        (None, Some(_)) => return Err(table.refuse("access_key_id", "is missing")),
    };
    let place = match (base_url, region) {
        (Some(base_url), _) => Place::Remote { base_url, key },
        (None, region) => Place::Region { region: region.unwrap_or_default(), key },
    };
    Ok((place, signing))
}

/// A secret in the file, or the name of the environment variable that holds it.
fn secret(table: &mut Table<'_>, field: &str, variable: &str, env: Environment<'_>) -> Result<Option<Secret>, Refusal> {
    match (table.take(field), table.take(variable)) {
        (Some(_), Some(env)) => Err(env.refuse(format!("there is an {field} already; give one of the two"))),
        (Some(secret), None) => secret.secret().map(Some),
        (None, Some(variable)) => from_environment(&variable, env).map(Some),
        (None, None) => Ok(None),
    }
}

/// The variable is named only if it can be one: it happens that the key itself stands in its place.
fn from_environment(variable: &Value<'_>, env: Environment<'_>) -> Result<Secret, Refusal> {
    let name = variable.text()?;
    let is_name =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && text.len() <= 64;
    if !is_name(name) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(variable.refuse("must be the name of an environment variable"));
    }
    match env(name) {
        None => Err(variable.refuse(format!("the environment variable {name} is not set"))),
        Some(key) if key.is_empty() => Err(variable.refuse(format!("the environment variable {name} is empty"))),
        Some(key) => credential(&key).ok_or_else(|| {
            variable.refuse(format!("the environment variable {name} may hold visible ASCII characters only"))
        }),
    }
}

/// What a mock speaks: OpenAI's protocol, if nothing else is said.
fn mock_language(table: &mut Table<'_>) -> Result<Language, Refusal> {
    let Some(speaks) = table.take("speaks") else { return Ok(Language::OpenAi) };
    match speaks.text()? {
        "openai" => Ok(Language::OpenAi),
        "anthropic" => Ok(Language::Anthropic),
        "gemini" => Ok(Language::Gemini),
        "bedrock" => Ok(Language::Bedrock),
        "azure" => Ok(Language::Azure),
        _ => Err(speaks.refuse("must be openai, anthropic, gemini, bedrock or azure")),
    }
}
