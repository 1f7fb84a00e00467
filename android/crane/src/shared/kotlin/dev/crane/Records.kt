package dev.crane

// What comes out of the runtime and holds no one's words is the generated records themselves, under this package's name.

/** Where a fact stands. Only active facts fire. */
public typealias FactState = dev.crane.ffi.FactState

/** The way on which a fact came into this library. */
public typealias Origin = dev.crane.ffi.Origin

/** An existing fact that a new one collides with. */
public typealias Conflict = dev.crane.ffi.Conflict

/** What a key consists of. */
public typealias Modality = dev.crane.ffi.Modality

/** One change of the library. It names facts by id and holds no content. */
public typealias HistoryEntry = dev.crane.ffi.HistoryEntry

/** What remains of a forgotten fact. */
public typealias Receipt = dev.crane.ffi.Receipt

/** Which index a question searched. */
public typealias Route = dev.crane.ffi.Route

/** One search result. */
public typealias Hit = dev.crane.ffi.Hit

/** The part of a trace that only an answer has. */
public typealias ReplyTrace = dev.crane.ffi.ReplyTrace

/** Why generation ended. */
public typealias Finish = dev.crane.ffi.Finish

/** Microseconds per stage; 0 where a stage did not run. */
public typealias StageTimes = dev.crane.ffi.StageTimes

/** What runs the models. */
public typealias Backends = dev.crane.ffi.Backends

/** Bytes in use, part by part; 0 for what is not loaded. Some are estimates. */
public typealias MemoryUsage = dev.crane.ffi.MemoryUsage

/** How much memory to give back; each level includes those before it. Whatever runs is never interrupted. */
public typealias TrimLevel = dev.crane.ffi.TrimLevel

/** A model bundle and its models. */
public typealias BundleInfo = dev.crane.ffi.BundleInfo

/** One model of llama.cpp's, as its file describes it. */
public typealias ModelInfo = dev.crane.ffi.ModelInfo

/** Something that the language model can compute on. */
public typealias Device = dev.crane.ffi.Device

/** What a device is. */
public typealias DeviceKind = dev.crane.ffi.DeviceKind

/** What an export wrote. */
public typealias ExportReport = dev.crane.ffi.ExportReport

/** How to import. */
public typealias ImportOptions = dev.crane.ffi.ImportOptions

/** What becomes of a fact that something stands against. */
public typealias OnConflict = dev.crane.ffi.OnConflict

/** What an import would find. */
public typealias ImportPreview = dev.crane.ffi.ImportPreview

/** A fact of a pack and what stands against it. */
public typealias ImportConflict = dev.crane.ffi.ImportConflict

/** What an import did. */
public typealias ImportReport = dev.crane.ffi.ImportReport

/** What a check looked at, and what it found. */
public typealias CheckReport = dev.crane.ffi.CheckReport

/** Something that is not as it should be. It holds no content. */
public typealias Finding = dev.crane.ffi.Finding

/** The part of a library that a finding is about. */
public typealias LibraryPart = dev.crane.ffi.LibraryPart

/** How bad a finding is. */
public typealias Severity = dev.crane.ffi.Severity

/** What a repair found, did and left. */
public typealias RepairReport = dev.crane.ffi.RepairReport

/** What a repair made anew. */
public typealias Repaired = dev.crane.ffi.Repaired

/** What was saved of a damaged library, and what is lost. */
public typealias SalvageReport = dev.crane.ffi.SalvageReport

/** What re-embedding did. */
public typealias ReembedReport = dev.crane.ffi.ReembedReport
