//! What a person at the terminal is asked: InputRequest and its answer.
//!
//! A signature has no message of its own in the device class. It is asked as Adyen's terminals do
//! it: a
//! `GetConfirmation` whose predefined content is `GetSignature`; the drawing comes in the
//! `AdditionalResponse` of the result, and `ConfirmedFlag` says whether the person signed.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Device, DisplayOutput, InfoQualify, OutputResult, Private, Response};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InputRequest {
    /// What is shown while the terminal waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_output: Option<DisplayOutput>,
    pub input_data: InputData,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InputData {
    pub device: Device,
    pub info_qualify: InfoQualify,
    pub input_command: InputCommand,
    /// Seconds until the terminal gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_decimal_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_input_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_right_to_left_flag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_characters_flag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_cancel_flag: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputCommand {
    DigitString,
    DecimalString,
    TextString,
    GetConfirmation,
    GetAnyKey,
    GetFunctionKey,
    GetMenuEntry,
    Password,
    SiteManager,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InputResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_result: Option<OutputResult>,
    pub input_result: InputResult,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InputResult {
    pub device: Device,
    pub info_qualify: InfoQualify,
    pub response: Response,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    pub input_command: InputCommand,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_flag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_input: Option<Private>,
    /// Some terminals send a number, others a string; it is written as a string.
    #[serde(
        default,
        deserialize_with = "string_or_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub digit_input: Option<Private>,
}

impl InputResult {
    /// The digits that were typed, if the answer is a success and holds some.
    pub fn digits(&self) -> Option<&str> {
        self.input()?.digit_input.as_ref().map(Private::expose)
    }

    /// What was chosen, if the answer is a success and holds a choice.
    pub fn confirmed(&self) -> Option<bool> {
        self.input()?.confirmed_flag
    }

    /// The signature that was drawn, in the terminal's own form, if the person confirmed it.
    pub fn signature(&self) -> Option<&Private> {
        self.response
            .additional_response
            .as_ref()
            .filter(|_| self.confirmed() == Some(true))
    }

    fn input(&self) -> Option<&Input> {
        self.input.as_ref().filter(|_| self.response.is_success())
    }
}

fn string_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Private>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Digits {
        Text(String),
        Number(u64),
    }
    Ok(
        Option::<Digits>::deserialize(from)?.map(|digits| match digits {
            Digits::Text(text) => text.into(),
            Digits::Number(number) => number.to_string().into(),
        }),
    )
}
