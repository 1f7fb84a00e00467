use super::*;
use crate::types::Modality;

const MANIFEST_TEXT: &str = r#"
format = 1
name = "test"
version = "1.0.0"
licence = "MIT"
FILES
[encoder]
raw_dim = 128
dim = 256
image_size = 112
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
text_length = 32
pad_id = 0
eos_id = 1

[language]
context = 768
image_size = 112
thought_tokens = 160
answer_tokens = 32

[prompt]
system = "s"
fact = "Edit fact: [{fact}]\nQuestion: [{question}]"
no_fact = "Edit fact: none\nQuestion: [{question}]"

[retrieval.image]
threshold = 0.55
calibration = { slope = 12.0, intercept = -6.0 }
[retrieval.text]
threshold = 0.6
calibration = { slope = 12.0, intercept = -6.0 }
"#;

fn content(role: Role) -> Vec<u8> {
    format!("the bytes of {}", role.name()).into_bytes()
}

fn file_section(role: Role) -> String {
    let bytes = content(role);
    let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let (name, size) = (role.name(), bytes.len());
    format!("[files.{name}]\nfile = \"{name}.bin\"\nsha256 = \"{digest}\"\nsize = {size}\nlicence = \"MIT\"\n")
}

fn manifest_text() -> String {
    let files: String = Role::ALL.into_iter().map(file_section).collect();
    MANIFEST_TEXT.replace("FILES", &files)
}

fn install(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(MANIFEST), manifest).expect("writes");
    for role in Role::ALL {
        fs::write(folder.path().join(format!("{}.bin", role.name())), content(role)).expect("writes");
    }
    folder
}

fn open_error(folder: &Path) -> (ErrorKind, String) {
    let error = Bundle::open(folder).expect_err("doesn't open");
    (error.kind(), error.to_string())
}

#[test]
fn opens_what_it_verified() {
    let folder = install(&manifest_text());
    let bundle = Bundle::open(folder.path()).expect("opens");
    assert_eq!((bundle.name(), bundle.version(), bundle.licence()), ("test", "1.0.0", "MIT"));
    assert_eq!(bundle.encoder().eos_id, Some(1));
    assert_eq!(bundle.retrieval().gate(Modality::Text).threshold, 0.6);
    assert_eq!(fs::read(bundle.path(Role::Head)).expect("reads"), content(Role::Head));
    assert!(verify(folder.path()).expect("a report").is_ok());
}

#[test]
fn every_bad_file_is_named() {
    for role in Role::ALL {
        let name = format!("{}.bin", role.name());
        let folder = install(&manifest_text());
        let path = folder.path().join(&name);

        let mut altered = content(role);
        altered[0] ^= 1;
        fs::write(&path, &altered).expect("writes");
        let (kind, message) = open_error(folder.path());
        assert!(kind == ErrorKind::ModelCorrupt && message.contains(&name) && message.contains("altered"), "{message}");

        fs::write(&path, &altered[1..]).expect("writes");
        let (kind, message) = open_error(folder.path());
        assert!(kind == ErrorKind::ModelCorrupt && message.contains(&name) && message.contains("bytes"), "{message}");

        fs::remove_file(&path).expect("removes");
        let (kind, message) = open_error(folder.path());
        assert!(kind == ErrorKind::ModelMissing && message.contains(&name), "{message}");

        let report = verify(folder.path()).expect("a report");
        let missing: Vec<_> = report.files.iter().filter(|f| f.status == FileStatus::Missing).map(|f| f.role).collect();
        assert_eq!(missing, [role]);
    }
}

#[test]
fn no_manifest_is_a_missing_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().to_owned(), folder.path().join("nowhere")] {
        let (kind, message) = open_error(&path);
        assert!(kind == ErrorKind::ModelMissing && message.contains(MANIFEST), "{message}");
    }
}

#[test]
fn senseless_manifests_are_refused_by_rule() {
    let senseless = [
        ("format = 1", "format = 2", "format 2"),
        ("name = \"test\"", "name = \"test\"\nsurprise = 1", "surprise"),
        ("raw_dim = 128", "raw_dim = 0", "raw_dim"),
        ("dim = 256", "dim = 255", "encoder.dim"),
        ("image_size = 112\nmean", "image_size = 5000\nmean", "encoder.image_size"),
        ("mean = [0.5", "views = []\nmean = [0.5", "encoder.views"),
        ("mean = [0.5", "views = [1.0, 1.1]\nmean = [0.5", "encoder.views"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0.0, 0.5]", "encoder.std"),
        ("text_length = 32", "text_length = 0", "text_length"),
        ("context = 768", "context = 100", "context"),
        ("image_size = 112\nthought", "image_size = 111\nthought", "language.image_size"),
        ("image_size = 112\nthought", "thought", "language needs"),
        ("threshold = 0.6", "threshold = nan", "retrieval.text.threshold"),
        ("slope = 12.0", "slope = inf", "calibration"),
        ("head.bin", "../head.bin", "files.head.file"),
        ("head.bin", "C:head.bin", "files.head.file"),
        ("[files.head]", "[files.hat]", "hat"),
        ("sha256 = \"", "sha256 = \"zz", "sha256"),
    ];
    for (from, to, expected) in senseless {
        let text = manifest_text();
        assert!(text.contains(from), "{from}");
        let folder = install(&text.replacen(from, to, 1));
        let (kind, message) = open_error(folder.path());
        assert!(kind == ErrorKind::ModelCorrupt && message.contains(expected), "{from} to {to}: {message}");
    }
}

#[test]
fn a_manifest_that_is_no_text_is_corrupt() {
    let folder = install("");
    fs::write(folder.path().join(MANIFEST), [0xFF, 0xFE, 0x00]).expect("writes");
    assert_eq!(open_error(folder.path()).0, ErrorKind::ModelCorrupt);
}

#[test]
fn the_fingerprint_follows_what_vectors_depend_on() {
    let fingerprint = |text: &str| Manifest::parse(text).map(|manifest| Bundle { folder: PathBuf::new(), manifest });
    let fingerprint = |text: &str| fingerprint(text).expect("a manifest").fingerprint();
    let base = fingerprint(&manifest_text());
    for (from, to) in [
        ("image_size = 112\nmean", "image_size = 113\nmean"),
        ("mean = [0.5", "views = [1.0, 0.8]\nmean = [0.5"),
        ("mean = [0.5", "mean = [0.4"),
        ("std = [0.5", "std = [0.4"),
        ("text_length = 32", "text_length = 33"),
        ("pad_id = 0", "pad_id = 2"),
        ("eos_id = 1\n", ""),
    ] {
        assert_ne!(fingerprint(&manifest_text().replacen(from, to, 1)), base, "{from}");
    }
    let other = "[files.head]\nfile = \"head.bin\"\nsha256 = \"";
    let head =
        manifest_text().replacen(&format!("{other}{}", &digest_start(Role::Head)), &format!("{other}00000000"), 1);
    assert_eq!(fingerprint(&head).encoders, base.encoders);
    assert_ne!(fingerprint(&head).head, base.head);
    for irrelevant in ["context = 768", "threshold = 0.6", "name = \"test\""] {
        let text = manifest_text().replacen(irrelevant, &irrelevant.replace("768", "769").replace("0.6", "0.7"), 1);
        assert_eq!(fingerprint(&text), base, "{irrelevant}");
    }
}

fn digest_start(role: Role) -> String {
    Sha256::digest(content(role)).iter().take(4).map(|b| format!("{b:02x}")).collect()
}
