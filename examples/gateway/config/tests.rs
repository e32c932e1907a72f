use std::time::Duration;

use tower_completions::auth::{Budget, BudgetWindow, KeyStore, Limits, PresentedKey};

use super::*;

fn env(name: &str) -> Option<String> {
    match name {
        "GOOD" => Some("sk-planted".to_owned()),
        "EMPTY" => Some(String::new()),
        "NEWLINE" => Some("sk-planted\n".to_owned()),
        _ => None,
    }
}

fn refusal(source: &str) -> String {
    parse(source, &env).unwrap_err().to_string()
}

const PROVIDER: &str = "[[providers]]\nname = \"p\"\nprotocol = \"mock\"\n";

#[test]
fn the_whole_file_is_understood() {
    let source = r#"
        listen = "[::1]:0"
        [timeouts]
        connect_ms = 1_500
        first_byte_ms = 60000
        first_token_ms = 45000
        idle_ms = 30000
        total_ms = 3_600_000
        [keep_alive]
        interval_ms = 15000
        [shed]
        max_in_flight = 2_000
        low_share = 0.25
        [shutdown]
        drain_ms = 1000
        [limits]
        redis = "redis://user:planted@127.0.0.1:6379/0"
        on_store_error = "open"
        [[providers]]
        name = "openai"
        protocol = "openai"
        base_url = "https://api.openai.com/v1"
        api_key_env = "GOOD"
        [[providers]]
        name = "claude"
        protocol = "anthropic"
        base_url = "https://api.anthropic.com"
        api_key = "sk-planted"
        [[providers]]
        name = "mock"
        protocol = "mock"
        speaks = "anthropic"
        [[models]]
        id = "claude-sonnet-4-20250514"
        provider = "claude"
        price = { input = 3, output = 15.0, cached_input = 0.3, cache_write = 0 }
        [[models]]
        id = "small"
        provider = "openai"
        upstream = "gpt-4o-mini"
        [[keys]]
        id = "alice"
        secret = "sk-planted"
        models = ["gpt-*", "small"]
        rpm = 60
        tpm = 100_000
        parallel = 20
        budget_usd = 10.5
        budget_window = "month"
        priority = "high"
        [[keys]]
        id = "bob"
        secret_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    "#;
    let config = parse(source, &env).unwrap();
    assert_eq!(config.listen, "[::1]:0");
    let timeouts = &config.timeouts;
    let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
    assert_eq!((timeouts.connect, timeouts.first_byte, timeouts.idle), (millis(1500), seconds(60), seconds(30)));
    assert_eq!((timeouts.first_token, timeouts.total), (Some(seconds(45)), Some(seconds(3600))));
    assert_eq!((config.keep_alive, config.drain), (Some(seconds(15)), seconds(1)));
    let shed = Shed { max_in_flight: 2_000, normal_share: None, low_share: 0.25 };
    assert_eq!((config.shed.as_ref(), config.has_important), (Some(&shed), true));
    let languages: Vec<Language> = config.providers.iter().map(|provider| provider.language).collect();
    assert_eq!(languages, [Language::OpenAi, Language::Anthropic, Language::Anthropic]);
    assert!(matches!(&config.providers[0].place, Place::Remote { key: Some(key), .. } if key.expose() == "sk-planted"));
    let names: Vec<&str> = config.models.iter().map(|model| model.targets[0].upstream.as_str()).collect();
    assert_eq!(names, ["claude-sonnet-4-20250514", "gpt-4o-mini"]);
    let price = config.models[0].price.as_ref().unwrap();
    assert_eq!(price, &"input=3 output=15 cached=0.3 write=0".parse().unwrap());
    assert_eq!(config.models[1].price, "input=0.15 output=0.6 cached=0.075".parse().ok(), "OpenAI's list price");
    assert_eq!(
        (config.counters.on_store_error, config.counters.budget_on_store_error),
        (OnStoreError::Open, OnStoreError::Closed)
    );
    let alice = Limits::new().requests_per_minute(60).tokens_per_minute(100_000).parallel(20);
    let key = PresentedKey::new("sk-planted").unwrap();
    let found = tokio_test::block_on(config.keys.lookup(&key)).unwrap().unwrap();
    assert_eq!(found.limits, alice.budget(Budget::new(10_500_000_000, BudgetWindow::Month)));
    let shown = format!("{config:?}");
    assert!(shown.contains("keys: 2") && !shown.contains("planted"), "{shown}");
}

#[test]
fn targets_and_fallbacks_are_read() {
    let source = r#"
        [retry]
        retries = 1
        max_wait_ms = 2000
        [health]
        failures = 5
        rest_ms = 90000
        [[providers]]
        name = "east"
        protocol = "mock"
        [[providers]]
        name = "west"
        protocol = "mock"
        speaks = "azure"
        [[models]]
        id = "big"
        fallbacks = ["small", "big"]
        content_policy_fallbacks = ["small"]
        balance = "weighted"
        [[models.targets]]
        provider = "east"
        weight = 3
        [[models.targets]]
        provider = "west"
        upstream = "deployment"
        [[models]]
        id = "small"
        provider = "west"
        context_window_fallbacks = ["big"]
    "#;
    let config = parse(source, &env).unwrap();
    let [big, small] = &config.models[..] else { panic!("two models") };
    let seen: Vec<_> = big.targets.iter().map(|at| (at.provider.as_str(), at.upstream.as_str(), at.weight)).collect();
    assert_eq!((seen, big.balance), (vec![("east", "big", 3), ("west", "deployment", 1)], Balance::Weighted));
    assert_eq!(
        (&big.fallbacks[..], &big.content_policy_fallbacks[..]),
        (&["small".into(), "big".into()][..], &["small".into()][..])
    );
    assert_eq!((&small.context_window_fallbacks[..], small.targets[0].weight), (&["big".into()][..], 1));
    assert_eq!((config.retry.retries, config.retry.max_wait), (1, Duration::from_secs(2)));
    assert_eq!(
        (config.health.failures, config.health.rest, config.health.max_rest),
        (5, Duration::from_secs(90), Duration::from_secs(90))
    );
}

#[test]
fn every_protocol_is_read() {
    let source = r#"
        [[providers]]
        name = "kimi"
        protocol = "openai"
        base_url = "http://127.0.0.1:1/v1"
        profile = "moonshot"
        [[providers]]
        name = "gemini"
        protocol = "gemini"
        base_url = "https://generativelanguage.googleapis.com"
        api_key = "sk-planted"
        [[providers]]
        name = "azure"
        protocol = "azure"
        base_url = "https://r.openai.azure.com?x=y"
        api_version = "2024-10-21"
        [[providers]]
        name = "keyed"
        protocol = "bedrock"
        region = "eu-west-1"
        api_key = "sk-planted"
        [[providers]]
        name = "signed"
        protocol = "bedrock"
        base_url = "http://127.0.0.1:1"
        region = "eu-west-1"
        access_key_id = "AKID"
        secret_access_key_env = "GOOD"
        session_token = "sk-planted"
        [[models]]
        id = "mine"
        provider = "signed"
        upstream = "arn:aws:bedrock:eu-west-1:1:provisioned-model/x"
        capabilities_of = "claude-sonnet-4-5"
        [[models]]
        id = "gemini-2.5-flash"
        provider = "gemini"
    "#;
    let config = parse(source, &env).unwrap();
    let languages: Vec<Language> = config.providers.iter().map(|provider| provider.language).collect();
    let expected = [Language::OpenAi, Language::Gemini, Language::Azure, Language::Bedrock, Language::Bedrock];
    assert_eq!(languages, expected);
    assert_eq!(config.providers[0].profile.as_deref(), Some("moonshot"));
    assert_eq!(config.providers[2].api_version.as_deref(), Some("2024-10-21"));
    assert!(matches!(&config.providers[3].place, Place::Region { region, key: Some(_) } if region == "eu-west-1"));
    let signing = config.providers[4].signing.as_ref().unwrap();
    assert_eq!((signing.region.as_str(), signing.access_key_id.as_str()), ("eu-west-1", "AKID"));
    assert_eq!(config.models[0].capabilities_of.as_deref(), Some("claude-sonnet-4-5"));
    assert!(config.models[1].price.is_some(), "Google's list price");
    assert!(!format!("{config:?}").contains("planted"));
}

#[test]
fn an_empty_file_lets_nobody_in() {
    let config = parse("", &env).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080");
    assert!(config.models.is_empty());
    assert_eq!(format!("{:?}", config.keys), "MemoryKeys { keys: 0, .. }");
}

/// Each bad file with the line and the field that its refusal has to name, and a word of the reason.
#[test]
fn bad_files_are_refused_with_line_and_field() {
    let provider = |rest: &str| format!("[[providers]]\nname = \"p\"\n{rest}");
    let remote = |rest: &str| provider(&format!("protocol = \"openai\"\nbase_url = \"https://h/v1\"\n{rest}"));
    let bedrock = |rest: &str| provider(&format!("protocol = \"bedrock\"\nregion = \"eu-west-1\"\n{rest}"));
    let model = |rest: &str| format!("{PROVIDER}[[models]]\n{rest}");
    let priced = |price: &str| model(&format!("id = \"m\"\nprovider = \"p\"\nprice = {price}"));
    let targets = |own: &str, target: &str| model(&format!("id = \"m\"\n{own}\n[[models.targets]]\n{target}"));
    let key = |rest: &str| format!("[[keys]]\nid = \"alice\"\n{rest}");
    let hex = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
    let cases = [
        // The file as a whole.
        ("listen = ".to_owned(), 1, "", "not TOML"),
        ("\nlisten = sk-planted".to_owned(), 2, "", "not TOML"),
        ("\nlisten = \"sk-planted\n".to_owned(), 2, "", "not TOML"),
        ("[[keys]]\nsecret = 'sk-planted' x".to_owned(), 2, "", "not TOML"),
        ("[[keys]]\nid = \"a\"\nid = \"sk-planted\"".to_owned(), 3, "", "duplicate key"),
        ("\n\nlisten = \"127.0.0.1:0\"\nlisten_on = \"x\"".to_owned(), 4, "listen_on", "unknown field"),
        ("b = 1\na = 2".to_owned(), 1, "b", "unknown field"),
        ("listen = 8080".to_owned(), 1, "listen", "expected a string"),
        ("listen = \"\"".to_owned(), 1, "listen", "empty"),
        ("listen = \"8080\"".to_owned(), 1, "listen", "HOST:PORT"),
        ("listen = \"127.0.0.1:65536\"".to_owned(), 1, "listen", "HOST:PORT"),
        ("\n[usage]".to_owned(), 2, "usage.path", "missing"),
        ("\n[usage]\npath = \"\"".to_owned(), 3, "usage.path", "empty"),
        ("\n[usage]\npath = \"u\"\nsink = 1".to_owned(), 4, "usage.sink", "unknown field"),
        (
            "[[providers]]\nname = \"a\"\nprotocol = \"mock\"\non_disconnect = \"stay\"".to_owned(),
            4,
            "providers.on_disconnect",
            "cancel or drain",
        ),
        ("[limits]\nredis = \"http://planted\"".to_owned(), 2, "limits.redis", "redis://"),
        ("[limits]\nredis = \"rediss://planted\"".to_owned(), 2, "limits.redis", "redis://"),
        ("[limits]\non_store_error = \"planted\"".to_owned(), 2, "limits.on_store_error", "open, closed or local"),
        ("[limits]\nbudget_on_store_error = 1".to_owned(), 2, "limits.budget_on_store_error", "expected a string"),
        ("[limits]\nrpm = 1".to_owned(), 2, "limits.rpm", "unknown field"),
        // Timeouts.
        ("timeouts = 5".to_owned(), 1, "timeouts", "expected a table"),
        ("[timeouts]\nconnect_ms = \"planted\"".to_owned(), 2, "timeouts.connect_ms", "whole number"),
        ("[timeouts]\nconnect_ms = 1.5".to_owned(), 2, "timeouts.connect_ms", "whole number"),
        ("[timeouts]\nconnect_ms = 0".to_owned(), 2, "timeouts.connect_ms", "between 1"),
        ("[timeouts]\nfirst_byte_ms = -1".to_owned(), 2, "timeouts.first_byte_ms", "between 1"),
        ("[timeouts]\nfirst_byte_ms = 9223372036854775807".to_owned(), 2, "timeouts.first_byte_ms", "between 1"),
        ("[timeouts]\n\nidle_ms = \"planted\"".to_owned(), 3, "timeouts.idle_ms", "whole number"),
        ("[timeouts]\nfirst_token_ms = 0".to_owned(), 2, "timeouts.first_token_ms", "between 1"),
        ("[timeouts]\ntotal_ms = true".to_owned(), 2, "timeouts.total_ms", "whole number"),
        ("[timeouts]\nread_ms = 1".to_owned(), 2, "timeouts.read_ms", "unknown field"),
        ("[keep_alive]\n".to_owned(), 1, "keep_alive.interval_ms", "missing"),
        ("[keep_alive]\ninterval_ms = 0".to_owned(), 2, "keep_alive.interval_ms", "between 1"),
        ("[keep_alive]\ninterval_ms = 1\nx = 1".to_owned(), 3, "keep_alive.x", "unknown field"),
        // Capacity.
        ("[shed]\nlow_share = 1".to_owned(), 1, "shed.max_in_flight", "missing"),
        ("[shed]\nmax_in_flight = -1".to_owned(), 2, "shed.max_in_flight", "at least 0"),
        ("[shed]\nmax_in_flight = 1\nlow_share = 1.5".to_owned(), 3, "shed.low_share", "between 0 and 1"),
        ("[shed]\nmax_in_flight = 1\nnormal_share = \"planted\"".to_owned(), 3, "shed.normal_share", "between 0 and 1"),
        ("[shed]\nmax_in_flight = 1\nqueue = 1".to_owned(), 3, "shed.queue", "unknown field"),
        ("[shutdown]\ndrain = 1".to_owned(), 1, "shutdown.drain_ms", "missing"),
        ("[shutdown]\ndrain_ms = 0".to_owned(), 2, "shutdown.drain_ms", "between 1"),
        (key("secret = \"planted\"\npriority = \"planted\""), 4, "keys.priority", "low, normal or high"),
        // Providers.
        ("providers = \"planted\"".to_owned(), 1, "providers", "array of tables"),
        ("[providers]\nname = \"p\"".to_owned(), 1, "providers", "array of tables"),
        ("providers = [1]".to_owned(), 1, "providers", "expected a table"),
        ("[[providers]]\nprotocol = \"mock\"".to_owned(), 1, "providers.name", "missing"),
        ("[[providers]]\nname = \"\"\nprotocol = \"mock\"".to_owned(), 2, "providers.name", "empty"),
        (format!("{PROVIDER}{PROVIDER}"), 5, "providers.name", "taken"),
        (provider(""), 1, "providers.protocol", "missing"),
        (provider("protocol = \"planted\""), 3, "providers.protocol", "must be openai"),
        (provider("protocol = \"gemini\""), 1, "providers.base_url", "missing"),
        (provider("protocol = \"azure\"\nbase_url = \"https://h#x\""), 4, "providers.base_url", "fragment"),
        (provider("protocol = \"bedrock\""), 1, "providers.region", "so is base_url"),
        (provider("protocol = \"bedrock\"\nregion = \"eu west\""), 4, "providers.region", "us-east-1"),
        (bedrock("access_key_id = \"A\""), 1, "providers.secret_access_key", "missing"),
        (bedrock("secret_access_key = \"planted\""), 1, "providers.access_key_id", "missing"),
        (bedrock("api_key = \"planted\"\naccess_key_id = \"A\""), 6, "providers.access_key_id", "one of the two"),
        (bedrock("profile = \"planted\""), 5, "providers.profile", "unknown field"),
        (
            provider(
                "protocol = \"bedrock\"\nbase_url = \"http://h\"\naccess_key_id = \"A\"\nsecret_access_key = \"planted\"",
            ),
            1,
            "providers.region",
            "a signature names it",
        ),
        (remote("profile = \"planted\""), 5, "providers.profile", "no profile"),
        (remote("api_version = \"1\""), 5, "providers.api_version", "unknown field"),
        (provider("protocol = \"mock\"\nspeaks = \"latin\""), 4, "providers.speaks", "bedrock or azure"),
        (provider("protocol = \"mock\"\nbase_url = \"http://h\""), 4, "providers.base_url", "unknown field"),
        (provider("protocol = \"openai\""), 1, "providers.base_url", "missing"),
        (provider("protocol = \"openai\"\nbase_url = \"h\""), 4, "providers.base_url", "https://host/path"),
        (provider("protocol = \"openai\"\nbase_url = \"http://u:planted@h\""), 4, "providers.base_url", "user"),
        (provider("protocol = \"anthropic\"\nbase_url = \"http://h?key=planted\""), 4, "providers.base_url", "query"),
        (remote("api_key = \"\""), 5, "providers.api_key", "empty"),
        (remote("api_key = 12345"), 5, "providers.api_key", "expected a string"),
        (remote("api_key = \"sk-planted\\n\""), 5, "providers.api_key", "visible ASCII"),
        (remote("api_key_env = \"MISSING\""), 5, "providers.api_key_env", "MISSING is not set"),
        (remote("api_key_env = \"EMPTY\""), 5, "providers.api_key_env", "EMPTY is empty"),
        (remote("api_key_env = \"NEWLINE\""), 5, "providers.api_key_env", "NEWLINE may hold visible"),
        (remote("api_key_env = \"sk-planted\""), 5, "providers.api_key_env", "name of an environment variable"),
        (remote("api_key = \"planted\"\napi_key_env = \"GOOD\""), 6, "providers.api_key_env", "one of the two"),
        (remote("headers = { x = \"planted\" }"), 5, "providers.headers", "unknown field"),
        // Models.
        (model("provider = \"p\""), 4, "models.id", "missing"),
        (model("id = \"\"\nprovider = \"p\""), 5, "models.id", "empty"),
        (model("id = \"m\""), 4, "models.provider", "missing"),
        (model("id = \"m\"\nprovider = \"q\""), 6, "models.provider", "no provider"),
        (model("id = \"m\"\nprovider = [\"p\"]"), 6, "models.provider", "expected a string"),
        (model("id = \"m\"\nprovider = \"p\"\n[[models]]\nid = \"m\"\nprovider = \"p\""), 8, "models.id", "taken"),
        (model("id = \"m\"\nprovider = \"p\"\nupstream = \"\""), 7, "models.upstream", "empty"),
        (model("id = \"m\"\nprovider = \"p\"\nfallbacks = [\"n\"]"), 7, "models.fallbacks", "no model of this id"),
        (model("id = \"m\"\nprovider = \"p\"\nfallbacks = \"m\""), 7, "models.fallbacks", "array of strings"),
        (model("id = \"m\"\nprovider = \"p\"\nfallbacks = [\"m\",\n\"\"]"), 8, "models.fallbacks", "empty"),
        (
            model("id = \"m\"\nprovider = \"p\"\ncontext_window_fallbacks = [\"m\", \"n\"]"),
            7,
            "models.context_window_fallbacks",
            "no model of this id",
        ),
        (
            model("id = \"m\"\nprovider = \"p\"\ncontent_policy_fallbacks = [7]"),
            7,
            "models.content_policy_fallbacks",
            "expected a string",
        ),
        (model("id = \"m\"\nprovider = \"p\"\nbalance = \"weighted\""), 7, "models.balance", "unknown field"),
        (model("id = \"m\"\nprovider = \"p\"\nweight = 2"), 7, "models.weight", "unknown field"),
        (targets("", "provider = \"q\""), 8, "models.targets.provider", "no provider"),
        (targets("", "weight = 1"), 7, "models.targets.provider", "missing"),
        (targets("provider = \"p\"", "provider = \"p\""), 6, "models.provider", "each of which has its own"),
        (targets("upstream = \"x\"", "provider = \"p\""), 6, "models.upstream", "each of which has its own"),
        (targets("balance = \"fair\"", "provider = \"p\""), 6, "models.balance", "least_loaded, weighted or in_order"),
        (targets("", "provider = \"p\"\nweight = -1"), 9, "models.targets.weight", "at least 0"),
        (targets("", "provider = \"p\"\nregion = \"x\""), 9, "models.targets.region", "unknown field"),
        // What is done about failures.
        ("[retry]\nretries = 11".to_owned(), 2, "retry.retries", "at most 10"),
        ("[retry]\nbackoff_ms = 0".to_owned(), 2, "retry.backoff_ms", "between 1"),
        ("[retry]\nattempts = 3".to_owned(), 2, "retry.attempts", "unknown field"),
        ("[health]\nfailures = 0".to_owned(), 2, "health.failures", "between 1"),
        ("[health]\nrest_ms = 9\nmax_rest_ms = 8".to_owned(), 3, "health.max_rest_ms", "less than rest_ms"),
        ("[health]\nprobe = true".to_owned(), 2, "health.probe", "unknown field"),
        (model("id = \"m\"\nprovider = \"p\"\ncapabilities_of = \"n\""), 7, "models.capabilities_of", "says itself"),
        (model("id = \"m\"\nprovider = \"p\"\napi_base = \"http://h\""), 7, "models.api_base", "unknown field"),
        (priced("3.0"), 7, "models.price", "expected a table"),
        (priced("{ input = 3.0 }"), 7, "models.price.output", "missing"),
        (priced("{ input = -1, output = 1 }"), 7, "models.price.input", "at least 0"),
        (priced("{ input = 1, output = 1000001 }"), 7, "models.price.output", "at most"),
        (priced("{ input = nan, output = 1 }"), 7, "models.price.input", "at least 0"),
        (priced("{ input = 1, output = inf }"), 7, "models.price.output", "at least 0"),
        (priced("{ input = 1, output = \"1\" }"), 7, "models.price.output", "expected a number"),
        (priced("{ input = 1, output = 1, cached = 1 }"), 7, "models.price.cached", "unknown field"),
        // Keys.
        ("[[keys]]\nsecret = \"planted\"".to_owned(), 1, "keys.id", "missing"),
        ("[[keys]]\nid = \"\"\nsecret = \"planted\"".to_owned(), 2, "keys.id", "empty"),
        (key(""), 1, "keys.secret", "missing"),
        (key("secret = \"\""), 3, "keys.secret", "empty"),
        (key("secret = 12345"), 3, "keys.secret", "expected a string"),
        (key("secret = [\"planted\"]"), 3, "keys.secret", "expected a string"),
        (key("secret = \"planted \""), 3, "keys.secret", "visible ASCII"),
        (key("secret_sha256 = \"planted\""), 3, "keys.secret_sha256", "64 hexadecimal"),
        (key(&format!("secret = \"planted\"\nsecret_sha256 = \"{hex}\"")), 4, "keys.secret_sha256", "one of the two"),
        (key("secret = \"a\"\n[[keys]]\nid = \"alice\"\nsecret = \"b\""), 5, "keys.id", "taken"),
        (key("secret = \"planted\"\n[[keys]]\nid = \"b\"\nsecret = \"planted\""), 6, "keys.secret", "of key \"alice\""),
        (
            key(&format!("secret = \"hello\"\n[[keys]]\nid = \"b\"\nsecret_sha256 = \"{}\"", SHA256_OF_HELLO)),
            6,
            "keys.secret_sha256",
            "of key \"alice\"",
        ),
        (key("secret = \"planted\"\nmodels = \"*\""), 4, "keys.models", "array of strings"),
        (key("secret = \"planted\"\nmodels = [\n\"*\",\n1]"), 6, "keys.models", "expected a string"),
        (key("secret = \"planted\"\nmodels = [\"\"]"), 4, "keys.models", "empty"),
        (key("secret = \"planted\"\nrpm = 1.5"), 4, "keys.rpm", "whole number"),
        (key("secret = \"planted\"\ntpm = -60"), 4, "keys.tpm", "at least 0"),
        (key("secret = \"planted\"\nparallel = \"60\""), 4, "keys.parallel", "whole number"),
        (key("secret = \"planted\"\nbudget_usd = -60"), 4, "keys.budget_usd", "at least 0"),
        (key("secret = \"planted\"\nbudget_usd = \"60\""), 4, "keys.budget_usd", "a number"),
        (key("secret = \"planted\"\nbudget_usd = 1\nbudget_window = \"week\""), 5, "keys.budget_window", "day, month"),
        (key("secret = \"planted\"\nbudget_window = \"day\""), 4, "keys.budget_window", "no budget_usd"),
        (key("secret = \"planted\"\nadmin = true"), 4, "keys.admin", "unknown field"),
    ];
    for (source, line, field, reason) in cases {
        let refusal = refusal(&source);
        let start = if field.is_empty() { format!("{line}: ") } else { format!("{line}: {field}: ") };
        assert!(refusal.starts_with(&start) && refusal.contains(reason), "{source}\n-> {refusal}");
        assert!(!refusal.contains("planted") && !refusal.contains("12345"), "{source}\n-> {refusal}");
    }
}

const SHA256_OF_HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn a_gateway_that_runs_does_not_move() {
    let at = |source: &str, bound| parse_again(source, &env, Some(bound)).map(|config| config.listen);
    assert_eq!(at("listen = \"[::1]:0\"", "[::1]:0").unwrap(), "[::1]:0");
    assert_eq!(at("", "127.0.0.1:8080").unwrap(), "127.0.0.1:8080");
    for (source, refused) in [("\nlisten = \"[::1]:1\"", "2: listen: "), ("", "1: listen: ")] {
        let refusal = at(source, "[::1]:0").unwrap_err().to_string();
        assert!(refusal.starts_with(refused) && refusal.contains("started anew"), "{refusal}");
    }
}
