//! `_remote_debugging`: the records that `asyncio.tools` works with. Other processes' stacks cannot be read.

use macros::pymodule;

/// Reading the stacks of other processes.
#[pymodule(name = "_remote_debugging")]
pub mod _remote_debugging {
    use macros::pyclass;
    use runtime::objects::structseq;
    use runtime::prelude::*;

    /// `sys.remote_exec` works.
    #[pyattr(name = "PROCESS_VM_READV_SUPPORTED")]
    const SUPPORTED: i32 = 1;

    /// A module's record type: name, what it is, fields with what they are.
    type Record = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

    const RECORDS: &[Record] = &[
        (
            "TaskInfo",
            "Information about an asyncio task",
            &[
                ("task_id", "Task ID (memory address)"),
                ("task_name", "Task name"),
                ("coroutine_stack", "Coroutine call stack"),
                ("awaited_by", "Tasks awaiting this task"),
            ],
        ),
        (
            "FrameInfo",
            "Information about a frame",
            &[("filename", "Source code filename"), ("lineno", "Line number"), ("funcname", "Function name")],
        ),
        (
            "CoroInfo",
            "Information about a coroutine",
            &[("call_stack", "Coroutine call stack"), ("task_name", "Task name")],
        ),
        (
            "ThreadInfo",
            "Information about a thread",
            &[("thread_id", "Thread ID"), ("frame_info", "Frame information")],
        ),
        (
            "AwaitedInfo",
            "Information about what a thread is awaiting",
            &[("thread_id", "Thread ID"), ("awaited_by", "List of tasks awaited by this thread")],
        ),
    ];

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        for (name, doc, fields) in RECORDS {
            let ty = structseq::make_type(&format!("_remote_debugging.{name}"), doc, fields, fields.len())?;
            m.add(name, ty.upcast())?;
        }
        m.add_type::<RemoteUnwinder>()
    }

    #[repr(C)]
    pub struct RemoteUnwinder {
        head: abi::PyObject,
    }

    /// Reads the stacks of a process: not possible with this interpreter.
    #[pyclass(name = "_remote_debugging.RemoteUnwinder")]
    impl RemoteUnwinder {
        #[slot(sig = "pid, *, all_threads=False, only_active_thread=False, debug=False")]
        fn tp_new(
            cls: &Type,
            pid: i32,
            all_threads: bool,
            only_active_thread: bool,
            debug: bool,
        ) -> PyResult<Ref<RemoteUnwinder>> {
            let _ = (cls, all_threads, only_active_thread, debug);
            Err(raise!(RuntimeError, "cannot read the stacks of process {}: remote unwinding is not supported", pid))
        }
    }
}
