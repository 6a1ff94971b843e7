// SPDX-License-Identifier: GPL-2.0-only
// The drbd.conf language (drbdadm.md section 3).  The grammar only says what may follow what;
// every action is one call of the Builder, which knows what it means.
//
// Actions that must run before the next token is read (include, skip, section headings) stand
// where the automaton needs no lookahead.
%skeleton "lalr1.cc"
%require "3.8"
%language "c++"
%defines
%define api.namespace {drbd::adm}
%define api.parser.class {Parser}
%define api.value.type {drbd::adm::Token}
%define parse.error custom
%define parse.lac full
%parse-param { drbd::adm::Scanner &scanner } { drbd::adm::Builder &b }
%lex-param { drbd::adm::Scanner &scanner } { drbd::adm::Builder &b }

%code requires {
#include "scanner.h"

namespace drbd::adm {
class Builder;
}
}

%code {
#include "builder.h"

static int yylex(drbd::adm::Token *token, drbd::adm::Scanner &scanner, drbd::adm::Builder &b)
{
	return b.filter(scanner.next(token));
}
}

%token END 0 "end of input"
%token END_OF_FILE "end of file"
%token LBRACE "{" RBRACE "}" SEMICOLON ";" LBRACKET "[" RBRACKET "]" COLON ":"
%token WORD "TK_STRING" INTEGER "TK_INTEGER" VERSION "TK_KMODVERS" IPV4 "TK_IPADDR"
%token IPV6 "TK_IPADDR6" OTHER "other"
%token U_CSTATE "_cstate" U_IS_STANDALONE "_is_standalone" U_PEER_NODE_ID "_peer_node_id"
%token U_REMOTE_HOST "_remote_host" U_THIS_HOST "_this_host" U_UNKNOWN "_unknown"
%token ADDRESS "address" ASK "ask" CMD_TIMEOUT_LONG "cmd-timeout-long"
%token CMD_TIMEOUT_MEDIUM "cmd-timeout-medium" CMD_TIMEOUT_SHORT "cmd-timeout-short"
%token COMMON "common" CONNECTION "connection" CONNECTION_MESH "connection-mesh"
%token DEVICE "device" DIALOG_REFRESH "dialog-refresh"
%token DISABLE_IP_VERIFICATION "disable-ip-verification" DISK "TK_DISK"
%token FLEXIBLE_META_DISK "flexible-meta-disk" FLOATING "floating" GLOBAL "global"
%token HANDLERS "handlers" HOST "host" HOSTS "hosts" INCLUDE "include" INSIDE "inside"
%token AF_IPV4 "ipv4" AF_IPV6 "ipv6" META_DISK "meta-disk" MINOR "minor"
%token MINOR_COUNT "minor-count" NET "net" NO "no" NODE_ID "node-id" ON "on"
%token OPTIONS "options" OUTSIDE "outside" OUTSIDE_ADDRESS "outside-address" PATH "path"
%token PORT "port" PROTOCOL "protocol" PROXY "proxy"
%token REQUIRE_EQ "require-drbd-module-version-eq" REQUIRE_GE "require-drbd-module-version-ge"
%token REQUIRE_GT "require-drbd-module-version-gt" REQUIRE_LE "require-drbd-module-version-le"
%token REQUIRE_LT "require-drbd-module-version-lt" REQUIRE_NE "require-drbd-module-version-ne"
%token RESOURCE "resource" AF_SCI "sci" AF_SDP "sdp" SKIP "skip" AF_SSOCKS "ssocks"
%token STACKED_ON_TOP_OF "stacked-on-top-of" STARTUP "startup" SYNCER "syncer"
%token TEMPLATE_FILE "template-file" TIEBREAKER "tiebreaker"
%token UDEV_ALWAYS_USE_VNR "udev-always-use-vnr" USAGE_COUNT "usage-count" VIA "via"
%token VOLUME "volume" YES "yes"

%%

file: items
    | items END_OF_FILE
    ;

items: %empty
     | items item
     ;

item: GLOBAL { b.begin_global($1); } "{" global_statements "}" { b.end_global(); }
    | COMMON { b.begin_common($1); } resource_body
    | RESOURCE name { b.begin_resource($1, $2); } resource_body
    | INCLUDE name ";" { b.include($2); }
    | require VERSION ";" { b.require($1, $2); }
    | skip
    ;

require: REQUIRE_EQ | REQUIRE_NE | REQUIRE_GT | REQUIRE_GE | REQUIRE_LT | REQUIRE_LE
    ;

skip: SKIP { b.skip($1, scanner); }
    ;

// Newer keywords stay usable as names, so that old files remain valid.
name: WORD | TIEBREAKER | OUTSIDE_ADDRESS | U_CSTATE | U_UNKNOWN | U_IS_STANDALONE
    ;

global_statements: %empty
    | global_statements global_statement ";"
    ;

global_statement: DISABLE_IP_VERIFICATION { b.global_flag($1); }
    | UDEV_ALWAYS_USE_VNR { b.global_flag($1); }
    | USAGE_COUNT yes_no_ask { b.usage_count($2); }
    | global_number INTEGER { b.global_number($1, $2); }
    ;

yes_no_ask: YES | NO | ASK
    ;

global_number: MINOR_COUNT | DIALOG_REFRESH | CMD_TIMEOUT_SHORT | CMD_TIMEOUT_MEDIUM
    | CMD_TIMEOUT_LONG
    ;

resource_body: "{" resource_statements resource_end { b.end_resource(); }
    ;

resource_end: "}" | END_OF_FILE
    ;

resource_statements: %empty
    | resource_statements resource_statement
    ;

resource_statement: PROTOCOL any ";" { b.protocol($1, $2); }
    | ON { b.check_host_allowed($1); } names "{" { b.begin_host($1); }
      host_statements "}" { b.end_host(); }
    | FLOATING { b.check_host_allowed($1); } address { b.begin_floating($1); }
      floating_tail { b.end_host(); }
    | STACKED_ON_TOP_OF { b.check_host_allowed($1); } name "{" { b.begin_stacked($1, $3); }
      stacked_statements "}" { b.end_host(); }
    | U_THIS_HOST { b.begin_this_host($1); } "{" host_statements "}" { b.end_host(); }
    | disk
    | NET { b.open_options($1); } option_block
    | OPTIONS { b.open_options($1); } option_block
    | STARTUP { b.open_options($1); } option_block
    | HANDLERS { b.open_options($1); } option_block
    | SYNCER { b.open_options($1); } option_block
    | PROXY { b.open_options($1); } option_block
    | device
    | meta_disk
    | volume
    | CONNECTION connection_name { b.begin_connection($1, $2); } "{" connection_statements "}"
      { b.end_connection(); }
    | CONNECTION_MESH { b.begin_mesh($1); } "{" mesh_statements "}" { b.end_mesh(); }
    | TEMPLATE_FILE name ";" { b.template_file($2); }
    | skip
    ;

floating_tail: ";"
    | "{" host_statements "}"
    ;

host_statements: %empty
    | host_statements host_statement
    ;

host_statement: disk
    | device
    | meta_disk
    | ADDRESS address ";" { b.host_address($1); }
    | NODE_ID INTEGER ";" { b.node_id($1, $2); }
    | volume
    | OPTIONS { b.open_options($1); } option_block
    | proxy { b.host_proxy(); }
    | skip
    ;

stacked_statements: %empty
    | stacked_statements stacked_statement
    ;

stacked_statement: device
    | ADDRESS address ";" { b.host_address($1); }
    | NODE_ID INTEGER ";" { b.node_id($1, $2); }
    | proxy { b.host_proxy(); }
    | VOLUME INTEGER { b.begin_volume($1, $2); } "{" stacked_volume_statements "}"
      { b.end_volume(); }
    ;

stacked_volume_statements: %empty
    | stacked_volume_statements stacked_volume_statement
    ;

stacked_volume_statement: device
    | DISK { b.open_options($1); } option_block
    ;

volume: VOLUME INTEGER { b.begin_volume($1, $2); } "{" volume_statements "}" { b.end_volume(); }
    ;

volume_statements: %empty
    | volume_statements volume_statement
    ;

volume_statement: disk
    | device
    | meta_disk
    | TIEBREAKER yes_no ";" { b.tiebreaker($2); }
    | skip
    ;

yes_no: YES | NO
    ;

disk: DISK name ";" { b.disk($1, $2); }
    | DISK disk_options option_block
    ;

disk_options: %empty { b.open_options($0); }
    ;

device: DEVICE ";"
    | DEVICE name ";" { b.device($1, &$2, nullptr); }
    | DEVICE name MINOR INTEGER ";" { b.device($1, &$2, &$4); }
    | DEVICE MINOR INTEGER ";" { b.device($1, nullptr, &$3); }
    ;

meta_disk: META_DISK name ";" { b.meta_disk($1, $2, nullptr); }
    | META_DISK name "[" { b.check_indexable($2, $3); } INTEGER "]" ";"
      { b.meta_disk($1, $2, &$5); }
    | FLEXIBLE_META_DISK name ";" { b.flexible_meta_disk($1, $2); }
    ;

names: names_begin name { b.add_name($2); }
    | names name { b.add_name($2); }
    ;

names_begin: %empty { b.begin_names(); }
    ;

address: IPV4 ":" port { b.set_address("ipv4", $1, $3); }
    | AF_IPV4 IPV4 ":" port { b.set_address("ipv4", $2, $4); }
    | AF_SDP IPV4 ":" port { b.set_address("sdp", $2, $4); }
    | AF_SSOCKS IPV4 ":" port { b.set_address("ssocks", $2, $4); }
    | AF_SCI IPV4 ":" port { b.set_address("ssocks", $2, $4); }
    | AF_IPV6 "[" IPV6 "]" ":" port { b.set_address("ipv6", $3, $6); }
    ;

port: INTEGER { b.check_port($1); $$ = $1; }
    ;

connection_name: %empty { $$ = drbd::adm::Token(); }
    | name
    ;

connection_statements: %empty
    | connection_statements connection_statement
    ;

connection_statement: host_ref
    | PATH { b.begin_path($1); } "{" path_statements "}" { b.end_path(); }
    | NET { b.open_options($1); } option_block
    | DISK { b.open_options($1); } option_block
    | VOLUME INTEGER { b.begin_volume($1, $2); } "{" connection_disk "}" { b.end_volume(); }
    | U_PEER_NODE_ID INTEGER ";" { b.peer_node_id($2); }
    | U_CSTATE name ";" { b.cstate($2); }
    | U_IS_STANDALONE ";" { b.is_standalone(); }
    | skip
    ;

connection_disk: DISK { b.open_options($1); } option_block
    ;

path_statements: %empty
    | path_statements host_ref
    ;

host_ref: HOST name { b.begin_ref($1, &$2); } host_ref_where
    | ADDRESS address { b.begin_ref($1, nullptr); b.ref_address(); } host_ref_tail
    | U_THIS_HOST address { b.begin_ref($1, nullptr); b.ref_address(); } host_ref_tail
    | U_REMOTE_HOST address { b.begin_ref($1, nullptr); b.ref_address(); } host_ref_tail
    ;

host_ref_where: ";"
    | PORT port { b.ref_port($2); } host_ref_tail
    | ADDRESS address { b.ref_address(); } host_ref_tail
    | via
    ;

host_ref_tail: ";"
    | via
    ;

via: VIA proxy { b.ref_proxy(); }
    | VIA OUTSIDE_ADDRESS address ";" { b.ref_outside(); }
    ;

proxy: PROXY ON names "{" { b.begin_proxy($1); } proxy_statements "}" { b.end_proxy(); }
    ;

proxy_statements: %empty
    | proxy_statements proxy_statement
    ;

proxy_statement: INSIDE address ";" { b.proxy_inside(); }
    | OUTSIDE address ";" { b.proxy_outside(); }
    | OPTIONS { b.open_options($1); } option_block
    ;

mesh_statements: %empty
    | mesh_statements mesh_statement
    ;

mesh_statement: HOSTS names ";" { b.mesh_hosts(); }
    | NET { b.open_options($1); } option_block
    ;

option_block: "{" options "}" { b.close_options(); }
    ;

options: %empty
    | options option
    ;

option: option_name option_values ";" { b.end_option(); }
    | option_name "{" { b.begin_plugins($2); } plugin_lines "}" { b.end_plugins(); }
    ;

option_name: any { b.option_name($1); }
    | ";" { b.option_name($1); }
    | "{" { b.option_name($1); }
    ;

option_values: %empty
    | option_values any { b.option_value($2); }
    ;

plugin_lines: %empty
    | plugin_lines plugin_line ";" { b.end_plugin_line(); }
    ;

plugin_line: any { b.plugin_word($1); }
    | plugin_line any { b.plugin_word($2); }
    ;

any: "[" | "]" | ":" | WORD | INTEGER | VERSION | IPV4 | IPV6 | OTHER
    | U_CSTATE | U_IS_STANDALONE | U_PEER_NODE_ID | U_REMOTE_HOST | U_THIS_HOST | U_UNKNOWN
    | ADDRESS | ASK | CMD_TIMEOUT_LONG | CMD_TIMEOUT_MEDIUM | CMD_TIMEOUT_SHORT | COMMON
    | CONNECTION | CONNECTION_MESH | DEVICE | DIALOG_REFRESH | DISABLE_IP_VERIFICATION | DISK
    | FLEXIBLE_META_DISK | FLOATING | GLOBAL | HANDLERS | HOST | HOSTS | INCLUDE | INSIDE
    | AF_IPV4 | AF_IPV6 | META_DISK | MINOR | MINOR_COUNT | NET | NO | NODE_ID | ON | OPTIONS
    | OUTSIDE | OUTSIDE_ADDRESS | PATH | PORT | PROTOCOL | PROXY | REQUIRE_EQ | REQUIRE_GE
    | REQUIRE_GT | REQUIRE_LE | REQUIRE_LT | REQUIRE_NE | RESOURCE | AF_SCI | AF_SDP | SKIP
    | AF_SSOCKS | STACKED_ON_TOP_OF | STARTUP | SYNCER | TEMPLATE_FILE | TIEBREAKER
    | UDEV_ALWAYS_USE_VNR | USAGE_COUNT | VIA | VOLUME | YES
    ;

%%

void drbd::adm::Parser::error(const std::string &message)
{
	// Only reached when the parser's own stack is exhausted.
	b.parser_failed(message);
}

void drbd::adm::Parser::report_syntax_error(const context &ctx) const
{
	std::vector<int> expected;
	symbol_kind_type kinds[YYNTOKENS];
	int n = ctx.expected_tokens(kinds, YYNTOKENS);
	std::vector<std::string> names;
	for (int i = 0; i < n; i++) {
		expected.push_back(kinds[i]);
		names.emplace_back(symbol_name(kinds[i]));
	}
	const auto &lookahead = ctx.lookahead();
	b.syntax_error(lookahead.value, names);
}
