//! Bad input of every kind: each run ends with a clear error and leaves the library unharmed.

mod bad {
    mod disk;
    mod images;
    mod library;
    mod models;
    mod words;
}
