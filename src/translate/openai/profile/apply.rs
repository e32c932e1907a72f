//! A request as a server with a profile takes it.

use super::Profile;
use super::rule::{Rule, ToolChoices, is_default, is_unmissed};
use crate::chat::patch::Patch;
use crate::chat::{ChatRequest, Tool, ToolChoice};
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::Dropped;
use crate::translate::encode::check;
use crate::translate::encode::fields::STEERING;

impl Profile {
    /// The changes to the top-level fields. What no rule is about stays as it is.
    ///
    /// # Errors
    /// 400 that names a field which the server cannot follow and which would change the answer.
    pub(in crate::translate::openai) fn apply<'a>(
        &'a self,
        chat: &'a ChatRequest,
        mut patch: Patch<'a>,
        dropped: &mut Dropped,
    ) -> Result<Patch<'a>, ApiError> {
        self.check_tools(chat)?;
        for (name, value) in chat.fields() {
            if value.is_null() && !self.nulls {
                patch = patch.remove(name.to_str());
            } else if !value.is_null() {
                patch = self.field(chat, name, value, patch, dropped)?;
            }
        }
        for (name, json) in self.defaults.iter().filter(|(name, _)| chat.given(name).is_none()) {
            patch = patch.set(name, json.as_str());
        }
        match chat.given("reasoning_effort") {
            Some(effort) if !self.efforts.is_empty() => self.effort(chat, effort, patch, dropped),
            _ => Ok(patch),
        }
    }

    fn field<'a>(
        &'a self,
        chat: &'a ChatRequest,
        name: Text<'a>,
        value: Raw<'a>,
        patch: Patch<'a>,
        dropped: &mut Dropped,
    ) -> Result<Patch<'a>, ApiError> {
        let rule = self.rules.iter().rev().find(|(field, _)| name.eq_str(field));
        let Some((field, rule)) = rule else {
            let steers = STEERING.iter().find(|field| !self.steered && name.eq_str(field));
            return Ok(match steers {
                Some(field) => {
                    dropped.push(*field);
                    patch.remove(*field)
                }
                None => patch,
            });
        };
        Ok(match rule {
            Rule::Keep => patch,
            Rule::Rename(to) => {
                let patch = if chat.get(to).is_some() { patch.remove(&**to) } else { patch };
                patch.rename(field, to)
            }
            Rule::LeaveOut => {
                if !is_unmissed(field, value)? {
                    dropped.push(field.clone().into_owned());
                }
                patch.remove(&**field)
            }
            Rule::Refuse => {
                if !is_default(field, value)? {
                    return Err(ApiError::unsupported_parameter(field.clone().into_owned()));
                }
                patch.remove(&**field)
            }
        })
    }

    /// `reasoning_effort` in the server's words; a field that the client says itself in them wins.
    fn effort<'a>(
        &'a self,
        chat: &'a ChatRequest,
        effort: Raw<'_>,
        mut patch: Patch<'a>,
        dropped: &mut Dropped,
    ) -> Result<Patch<'a>, ApiError> {
        let names = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let word = check::word(effort, "reasoning_effort", &names)?;
        let Some(effort) = self.efforts.iter().find(|effort| effort.word == word) else {
            let known: Vec<&str> = self.efforts.iter().map(|effort| effort.word).collect();
            let reason = format!("for this model use one of '{}'.", known.join("', '"));
            return Err(ApiError::unsupported_value("reasoning_effort", reason));
        };
        if !effort.fields.iter().any(|(name, _)| *name == "reasoning_effort") {
            patch = patch.remove("reasoning_effort");
        }
        for (name, json) in effort.fields {
            if *name != "reasoning_effort" && chat.given(name).is_some() {
                dropped.push("reasoning_effort");
            } else {
                patch = patch.set(name, *json);
            }
        }
        Ok(patch)
    }

    /// A server that ignores a choice, or forgets a tool, would answer another question.
    fn check_tools(&self, chat: &ChatRequest) -> Result<(), ApiError> {
        if !self.custom_tools {
            for (at, tool) in chat.tools().enumerate() {
                if let Tool::Custom { .. } = tool? {
                    let reason = "this model takes only tools of the type 'function'.";
                    return Err(ApiError::unsupported_value(format!("tools[{at}].type"), reason));
                }
            }
        }
        let is_followed = match (self.tool_choices, chat.tool_choice()?) {
            (ToolChoices::All, _) | (_, None | Some(ToolChoice::Auto)) => true,
            (ToolChoices::NotRequired, Some(choice)) => {
                !matches!(choice, ToolChoice::Required | ToolChoice::Allowed { required: true, .. })
            }
            (ToolChoices::AutoOnly, Some(_)) => false,
        };
        if is_followed {
            return Ok(());
        }
        let choices = if self.tool_choices == ToolChoices::AutoOnly { "'auto'" } else { "'auto', 'none' or one tool" };
        Err(ApiError::unsupported_value("tool_choice", format!("for this model use {choices}.")))
    }
}
