;; A component that handles messages: the test's text takes the places marked BODY and MORE.
(component
  (import "switchboard:plugin/types@0.1.0" (instance $types
    (type $error (record (field "code" string) (field "message" string) (field "retry-after-ms" (option u64))))
    (export "error" (type (eq $error)))
    (type $message (record
      (field "id" string) (field "message-id" string) (field "account" string) (field "chat" string)
      (field "contact" string) (field "time" u64) (field "kind" string) (field "text" string)
      (field "attempt" u32) (field "json" string)))
    (export "message" (type (eq $message)))
  ))
  (alias export $types "error" (type $error))
  (alias export $types "message" (type $message))

  (import "switchboard:plugin/timers@0.1.0" (instance $timers
    (alias outer 1 $error (type $error'))
    (export "error" (type $e (eq $error')))
    (export "cancel" (func (param "scope" string) (param "name" string) (result (result (error $e)))))
  ))
  (import "switchboard:plugin/state@0.1.0" (instance $state
    (alias outer 1 $error (type $error'))
    (export "error" (type $e (eq $error')))
    (export "get" (func (param "scope" string) (param "key" string) (result (result (option string) (error $e)))))
    (export "increment" (func (param "scope" string) (param "key" string) (param "delta" s64) (result (result s64 (error $e)))))
  ))
  (import "switchboard:plugin/http@0.1.0" (instance $http
    (alias outer 1 $error (type $error'))
    (export "error" (type $e (eq $error')))
    (type $request (record (field "method" string) (field "url" string) (field "headers" (list (tuple string string)))
      (field "body" (list u8)) (field "timeout-ms" (option u32))))
    (export "request" (type $req (eq $request)))
    (type $response (record (field "status" u16) (field "headers" (list (tuple string string))) (field "body" (list u8))))
    (export "response" (type $res (eq $response)))
    (export "send" (func (param "request" $req) (result (result $res (error $e)))))
  ))
  (import "switchboard:plugin/log@0.1.0" (instance $log
    (export "write" (func (param "level" string) (param "message" string)))
  ))
  (import "switchboard:plugin/delivery@0.1.0" (instance $delivery
    (export "now" (func (result u64)))
    (export "retry-after" (func (param "after-ms" u64)))
    (export "reject" (func (param "reason" string)))
    (export "stop" (func))
  ))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
  ))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $pollable'))
    (export "pollable" (type $p (eq $pollable')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))
  ))

  ;; Memory comes first: what is lowered needs it.
  (core module $memory
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))

  (core func $cancel (canon lower (func $timers "cancel") (memory $mem) (realloc (core func $realloc))))
  (core func $get (canon lower (func $state "get") (memory $mem) (realloc (core func $realloc))))
  (core func $increment (canon lower (func $state "increment") (memory $mem) (realloc (core func $realloc))))
  (core func $send (canon lower (func $http "send") (memory $mem) (realloc (core func $realloc))))
  (core func $write (canon lower (func $log "write") (memory $mem) (realloc (core func $realloc))))
  (core func $now (canon lower (func $delivery "now")))
  (core func $retry (canon lower (func $delivery "retry-after")))
  (core func $reject (canon lower (func $delivery "reject") (memory $mem)))
  (core func $stop (canon lower (func $delivery "stop")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))

  (core module $main
    (import "memory" "memory" (memory 2))
    (import "host" "cancel" (func $cancel (param i32 i32 i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32 i32 i32)))
    (import "host" "increment" (func $increment (param i32 i32 i32 i32 i64 i32)))
    (import "host" "send" (func $http_send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "now" (func $now (result i64)))
    (import "host" "retry" (func $retry (param i64)))
    (import "host" "reject" (func $reject (param i32 i32)))
    (import "host" "stop" (func $stop))
    (import "host" "block" (func $block (param i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))

    ;; 0: the handler's `ok`. 16: its error. 64: where imports put their results. 1024 on: texts.
    (data (i32.const 16) "\01\00\00\00\00\04\00\00\05\00\00\00")
    (data (i32.const 1024) "sorry")
    (data (i32.const 1040) "plugin")
    (data (i32.const 1056) "key")
    (data (i32.const 1072) "info")
    (data (i32.const 1088) "GET")
    (data (i32.const 1104) "http://127.0.0.1:9/")
    (global $ok i32 (i32.const 0))
    (global $error i32 (i32.const 16))

    (func $cancel_timer (call $cancel (i32.const 1040) (i32.const 6) (i32.const 1056) (i32.const 3) (i32.const 64)))
    (func $get_state (call $get (i32.const 1040) (i32.const 6) (i32.const 1056) (i32.const 3) (i32.const 64)))
    (func $count (call $increment (i32.const 1040) (i32.const 6) (i32.const 1056) (i32.const 3) (i64.const 1) (i32.const 64)))
    (func $fetch (call $http_send (i32.const 1088) (i32.const 3) (i32.const 1104) (i32.const 19)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)))
    (func $log (call $write (i32.const 1072) (i32.const 4) (i32.const 1024) (i32.const 5)))
    ;; Whether the last import answered an error, and writing that error's code and message.
    (func $failed (result i32) (i32.load8_u (i32.const 64)))
    (func $log_error
      (call $write (i32.load offset=8 (i32.const 64)) (i32.load offset=12 (i32.const 64))
        (i32.load offset=16 (i32.const 64)) (i32.load offset=20 (i32.const 64))))
    (func $sleep (param $millis i64)
      (call $block (call $subscribe (i64.mul (local.get $millis) (i64.const 1000000)))))
    (func $handle (export "handle") (param $event i32) (result i32)
      (;BODY;))
    (;MORE;)
  )
  (core instance $main (instantiate $main
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "cancel" (func $cancel)) (export "get" (func $get)) (export "increment" (func $increment))
      (export "send" (func $send)) (export "write" (func $write)) (export "now" (func $now))
      (export "retry" (func $retry)) (export "reject" (func $reject)) (export "stop" (func $stop))
      (export "block" (func $block)) (export "subscribe" (func $subscribe))))))

  (func $handle (param "event" $message) (result (result (error string)))
    (canon lift (core func $main "handle") (memory $mem) (realloc (core func $realloc))))
  ;; An exported function may name exported types only: a component of its own renames the record.
  (component $exports
    (type $record (record
      (field "id" string) (field "message-id" string) (field "account" string) (field "chat" string)
      (field "contact" string) (field "time" u64) (field "kind" string) (field "text" string)
      (field "attempt" u32) (field "json" string)))
    (import "message" (type $imported (eq $record)))
    (import "handle" (func $handle (param "event" $imported) (result (result (error string)))))
    (export $message "message" (type $imported))
    (export "handle" (func $handle) (func (param "event" $message) (result (result (error string))))))
  (instance $exports (instantiate $exports
    (with "message" (type $message))
    (with "handle" (func $handle))))
  (export "switchboard:plugin/on-message@0.1.0" (instance $exports))
)
