//! The services of the providers: a dialect over an HTTP client, or over a mock.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Service, ServiceBuilder};
use tower_completions::client::Client;
use tower_completions::meter::RequestId;
use tower_completions::mock::Mock;
use tower_completions::route::{RetryPolicy, Target};
use tower_completions::timeout::TimeoutLayer;
use tower_completions::translate::bedrock::{Credentials, SigV4Layer};
use tower_completions::translate::openai::Profile;
use tower_completions::translate::{
    Anthropic, Azure, Bedrock, Dialect, Gemini, InvalidConfig, OpenAi, anthropic, bedrock, gemini,
};
use tower_completions::{BoxError, ChatRequest, Model, Principal, Secret, TranslateLayer};

use super::config::{Config, Language, Place, Provider, Signing, Timeouts};

/// The service of a provider, which all its models share.
pub(crate) trait Connected {
    /// A model that is asked there and nowhere else.
    fn model(&self, id: &str, retry: RetryPolicy) -> Model;

    /// The provider as one of several places where a model is asked.
    fn target(&self, name: String) -> Target;
}

impl<S, B> Connected for S
where
    S: Service<Request<ChatRequest>, Response = Response<B>, Error = BoxError, Future: Send> + Clone + Send + Sync,
    S: 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn model(&self, id: &str, retry: RetryPolicy) -> Model {
        Model::new(id, ServiceBuilder::new().map_request(anonymous).retry(retry).service(self.clone()))
    }

    fn target(&self, name: String) -> Target {
        Target::new(name, self.clone())
    }
}

/// No provider is told who asks, nor what was in the client's headers: whoever keeps a request to send it again needs no copy
/// of that.
pub(crate) fn anonymous(mut request: Request<ChatRequest>) -> Request<ChatRequest> {
    *request.headers_mut() = HeaderMap::new();
    request.extensions_mut().remove::<Principal>();
    request.extensions_mut().remove::<RequestId>();
    request
}

/// Makes the service of a provider.
pub(crate) fn connect(
    provider: &Provider,
    config: &Config,
    client: &Client,
) -> Result<Box<dyn Connected>, InvalidConfig> {
    match provider.language {
        Language::OpenAi => over_http(provider, config, client, openai(provider)?, Mock::openai),
        Language::Anthropic => over_http(provider, config, client, anthropic(provider, config)?, Mock::anthropic),
        Language::Gemini => over_http(provider, config, client, gemini(provider, config)?, Mock::gemini),
        Language::Azure => over_http(provider, config, client, azure(provider)?, Mock::azure),
        Language::Bedrock => {
            let dialect = bedrock(provider, config)?;
            match &provider.signing {
                None => over_http(provider, config, client, dialect, Mock::bedrock),
                Some(signing) => {
                    let service = ServiceBuilder::new().layer(signer(signing)?).service(client.clone());
                    Ok(serving(provider, &config.timeouts, dialect, service))
                }
            }
        }
    }
}

fn over_http<D>(
    provider: &Provider,
    config: &Config,
    client: &Client,
    dialect: D,
    mock: fn() -> Mock,
) -> Result<Box<dyn Connected>, InvalidConfig>
where
    D: Dialect<Decoder: Send> + Send + Sync + 'static,
{
    let timeouts = &config.timeouts;
    Ok(match provider.place {
        Place::Mock => serving(provider, timeouts, dialect, mock().keep_requests(0)),
        _ => serving(provider, timeouts, dialect, client.clone()),
    })
}

/// Where a provider is, and its key. What a mock is called nobody asks.
fn place(provider: &Provider) -> (String, Option<&Secret>) {
    match &provider.place {
        Place::Remote { base_url, key } => (base_url.clone(), key.as_ref()),
        Place::Region { region, key } => (region.clone(), key.as_ref()),
        Place::Mock => ("http://mock".to_owned(), None),
    }
}

/// The models of a provider that take what another model takes: their names there, and the other's.
fn alike<'a>(provider: &'a Provider, config: &'a Config) -> impl Iterator<Item = (&'a str, &'a str)> {
    let targets = config.models.iter().flat_map(|model| model.targets.iter().map(move |target| (model, target)));
    let own = targets.filter(|(_, target)| target.provider == provider.name);
    own.filter_map(|(model, target)| Some((target.upstream.as_str(), model.capabilities_of.as_deref()?)))
}

fn openai(provider: &Provider) -> Result<OpenAi, InvalidConfig> {
    let (base_url, key) = place(provider);
    let base_url = if matches!(provider.place, Place::Mock) { format!("{base_url}/v1") } else { base_url };
    let openai = OpenAi::new(&base_url)?;
    let openai = match provider.profile.as_deref().and_then(Profile::named) {
        Some(profile) => openai.profile(profile),
        None => openai,
    };
    key.map_or(Ok(openai.clone()), |key| openai.key(key.expose()))
}

fn anthropic(provider: &Provider, config: &Config) -> Result<Anthropic, InvalidConfig> {
    let (base_url, key) = place(provider);
    let dialect = alike(provider, config).fold(Anthropic::new(&base_url)?, |dialect, (model, other)| {
        dialect.model_capabilities(model.to_owned(), anthropic::Capabilities::of(other))
    });
    key.map_or(Ok(dialect.clone()), |key| dialect.key(key.expose()))
}

fn gemini(provider: &Provider, config: &Config) -> Result<Gemini, InvalidConfig> {
    let (base_url, key) = place(provider);
    let dialect = alike(provider, config).fold(Gemini::new(&base_url)?, |dialect, (model, other)| {
        dialect.model_capabilities(model.to_owned(), gemini::Capabilities::of(other))
    });
    key.map_or(Ok(dialect.clone()), |key| dialect.key(key.expose()))
}

fn azure(provider: &Provider) -> Result<Azure, InvalidConfig> {
    let (base_url, key) = place(provider);
    let azure = Azure::new(&base_url)?;
    let azure = match &provider.api_version {
        Some(version) => azure.api_version(version.as_str()),
        None => azure,
    };
    key.map_or(Ok(azure.clone()), |key| azure.key(key.expose()))
}

fn bedrock(provider: &Provider, config: &Config) -> Result<Bedrock, InvalidConfig> {
    let (base_url, key) = place(provider);
    let dialect = match &provider.place {
        Place::Region { region, .. } => Bedrock::in_region(region)?,
        _ => Bedrock::new(&base_url)?,
    };
    let dialect = alike(provider, config).fold(dialect, |dialect, (model, other)| {
        dialect.model_capabilities(model.to_owned(), bedrock::Capabilities::of(other))
    });
    key.map_or(Ok(dialect.clone()), |key| dialect.key(key.expose()))
}

fn signer(signing: &Signing) -> Result<SigV4Layer<Credentials>, InvalidConfig> {
    let credentials = Credentials::new(signing.access_key_id.as_str(), signing.secret_access_key.expose())?;
    let credentials = match &signing.session_token {
        Some(token) => credentials.session_token(token.expose())?,
        None => credentials,
    };
    SigV4Layer::new(&signing.region, credentials)
}

fn serving<D, S, B>(provider: &Provider, timeouts: &Timeouts, dialect: D, http: S) -> Box<dyn Connected>
where
    D: Dialect<Decoder: Send> + Send + Sync + 'static,
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let timeouts = TimeoutLayer::new()
        .first_byte(timeouts.first_byte)
        .first_token(timeouts.first_token)
        .idle(timeouts.idle)
        .total(timeouts.total);
    let translate = TranslateLayer::new(dialect).provider(provider.name.as_str());
    Box::new(ServiceBuilder::new().layer(timeouts).layer(translate).service(http))
}
