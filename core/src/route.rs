//! Which index answers a question: decided by what the question holds and by nothing else (paper V-A).

use serde::{Deserialize, Serialize};

use crate::types::{Modality, Question};

/// The retrieval path of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// There is a photo: it is searched among the facts' photos. The text is not searched.
    Image,
    /// There is none: the text is searched among the facts' texts.
    Text,
}

impl Route {
    /// The index that this route searches.
    pub fn modality(self) -> Modality {
        match self {
            Self::Image => Modality::Image,
            Self::Text => Modality::Text,
        }
    }
}

/// Routes a question. A photo and a fact's text may point in opposite directions when they conflict,
/// so a question with a photo is never matched by its words.
pub(crate) fn route(question: &Question) -> Route {
    if question.image.is_some() { Route::Image } else { Route::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_decides() {
        let text = Question { text: "Who?".into(), ..Question::default() };
        let photo = Question { text: "Who?".into(), image: Some(vec![]), ..Question::default() };
        assert_eq!(route(&text), Route::Text);
        assert_eq!(route(&photo), Route::Image);
        assert_eq!(route(&photo).modality(), Modality::Image);
    }
}
