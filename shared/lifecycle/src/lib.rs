#![doc = include_str!("../README.md")]

mod config;
mod setting;
mod settings;
mod value;

mod config_file;
mod load;
mod nearest_name;
mod platform;

mod host;
mod mask;
mod shutdown;
mod telemetry;

mod error;

pub use config::{Config, EmbeddingApi, Entry, LogFormat, PoolLimits};
pub use error::ConfigError;
pub use host::{GIT_HOST, host_name};
pub use load::load_config;
pub use mask::mask_url;
pub use setting::{Scope, Setting, Shown};
pub use settings::{Key, SETTINGS};
pub use shutdown::Shutdown;
pub use telemetry::{Process, init_telemetry};
pub use value::{Fallback, Kind, Source, is_word};
