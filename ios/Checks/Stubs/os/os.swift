// As much of os as the package uses.

public func os_proc_available_memory() -> Int { 0 }
