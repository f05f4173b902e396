//! What a fact must be with a break: a truth, a number, a word, or a number's bounds as text.

use std::fmt;

use lab::Value;
use serde::de::{Deserialize, Deserializer, Error};

/// What a fact must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// Exactly this value.
    Is(Value),
    /// A number on this side of another: `"> 100"`, `"<= 0.9"`, `"!= 8"`.
    Compared(&'static str, f64),
}

/// The longer ones first, as a text is tried for them in this order.
const COMPARISONS: [&str; 5] = ["<=", ">=", "!=", "<", ">"];

impl Expected {
    /// Whether the value is what was expected.
    pub fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Expected::Is(Value::Number(wanted)), Value::Number(number)) => {
                (wanted - number).abs() <= wanted.abs() * 1e-9
            }
            (Expected::Is(wanted), value) => wanted == value,
            (Expected::Compared(comparison, bound), Value::Number(number)) => match *comparison {
                "<=" => number <= bound,
                ">=" => number >= bound,
                "!=" => number != bound,
                "<" => number < bound,
                _ => number > bound,
            },
            (Expected::Compared(..), _) => false,
        }
    }

    fn of_text(text: String) -> Expected {
        let compared = COMPARISONS.iter().find_map(|comparison| {
            let bound = text.strip_prefix(comparison)?.trim().parse().ok()?;
            Some(Expected::Compared(comparison, bound))
        });
        compared.unwrap_or(Expected::Is(Value::Text(text)))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Is(value) => write!(f, "{value}"),
            Expected::Compared(comparison, bound) => {
                write!(f, "{comparison} {}", Value::Number(*bound))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Expected, D::Error> {
        Ok(match toml::Value::deserialize(deserializer)? {
            toml::Value::Boolean(truth) => Expected::Is(Value::Truth(truth)),
            toml::Value::Integer(number) => Expected::Is(Value::Number(number as f64)),
            toml::Value::Float(number) => Expected::Is(Value::Number(number)),
            toml::Value::String(text) => Expected::of_text(text),
            other => {
                let kind = other.type_str();
                return Err(D::Error::custom(format!("a fact is no {kind}")));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_bound_compares_numbers() {
        let fits = |text: &str, value: Value| Expected::of_text(text.to_owned()).fits(&value);
        assert!(fits("> 100", Value::Number(101.0)) && !fits("> 100", Value::Number(100.0)));
        assert!(fits("<= 0.9", Value::Number(0.9)) && !fits("< 0.9", Value::Number(0.9)));
        assert!(fits("!= 8", Value::Number(7.0)) && !fits("> 1", Value::Truth(true)));
        assert!(fits("SIGSEGV", Value::Text("SIGSEGV".into())));
        assert!(fits(">", Value::Text(">".into())), "a word and no bound");
    }
}
