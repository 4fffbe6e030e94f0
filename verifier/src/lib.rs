//! Judges whether one HTTP service answers as another does.
