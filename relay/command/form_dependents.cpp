#include "command/form_dependents.h"

namespace outbox {

std::string find_dependents(Server &server) {
    std::string in_schema = "IN (SELECT o.oid FROM pg_catalog.",
                of_schema = " OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('outbox'))";
    auto is_in = [&](const std::string &catalog, const std::string &prefix) {
        return "d.classid OPERATOR(pg_catalog.=) 'pg_catalog." + catalog + "'::pg_catalog.regclass AND d.objid " + in_schema + catalog +
               " AS o WHERE o." + prefix + "namespace" + of_schema;
    };
    auto belongs_to_table_in = [&](const std::string &catalog, const std::string &column) {
        return "d.classid OPERATOR(pg_catalog.=) 'pg_catalog." + catalog +
               "'::pg_catalog.regclass AND d.objid IN (SELECT t.oid FROM pg_catalog." + catalog +
               " AS t JOIN pg_catalog.pg_class AS o ON o.oid OPERATOR(pg_catalog.=) t." + column + " WHERE o.relnamespace" + of_schema;
    };
    auto refers_to = [&](const std::string &catalog, const std::string &prefix) {
        return "d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog." + catalog + "'::pg_catalog.regclass AND d.refobjid " + in_schema +
               catalog + " AS o WHERE o." + prefix + "namespace" + of_schema;
    };
    return server.value(
        "SELECT pg_catalog.string_agg(o.name, '; ') FROM (SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS "
        "name FROM pg_catalog.pg_depend AS d WHERE d.deptype "
        "OPERATOR(pg_catalog.=) 'n' AND (" +
        refers_to("pg_proc", "pro") + " OR " + refers_to("pg_class", "rel") + " OR " + refers_to("pg_type", "typ") + ") AND NOT (" +
        is_in("pg_proc", "pro") + " OR " + is_in("pg_class", "rel") + " OR " + is_in("pg_type", "typ") + " OR " +
        belongs_to_table_in("pg_trigger", "tgrelid") + " OR " + belongs_to_table_in("pg_rewrite", "ev_class") + " OR " +
        belongs_to_table_in("pg_attrdef", "adrelid") + " OR " + belongs_to_table_in("pg_constraint", "conrelid") +
        " OR d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_cast'::pg_catalog.regclass) ORDER BY 1 LIMIT 5) AS o");
}

std::string callers_who_may_not_write(Server &server) {
    std::string function = "pg_catalog.pg_proc AS f WHERE f.pronamespace OPERATOR(pg_catalog.=) ";
    return server.value(
        "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(r.rolname), ', ') FROM pg_catalog.pg_roles AS r WHERE EXISTS (SELECT 1 "
        "FROM " +
        function +
        "'outbox'::pg_catalog.regnamespace AND f.proname OPERATOR(pg_catalog.=) 'emit' AND f.proargtypes[0] OPERATOR(pg_catalog.=)"
        " 'pg_catalog.text'::pg_catalog.regtype AND pg_catalog.has_function_privilege(r.oid, f.oid, 'EXECUTE')) AND EXISTS (SELECT 1 "
        "FROM " +
        function +
        "'pg_catalog'::pg_catalog.regnamespace AND f.proname OPERATOR(pg_catalog.=) 'pg_logical_emit_message' AND f.proargtypes[2]"
        " OPERATOR(pg_catalog.=) 'pg_catalog.bytea'::pg_catalog.regtype AND NOT"
        " pg_catalog.has_function_privilege(r.oid, f.oid, 'EXECUTE'))");
}

} // namespace outbox
