# The page's migrations, and the schema that Rails would write to db/schema.rb, for Rails 6.1 to 7.2.
base = ActiveRecord::Base
(base.connection.respond_to?(:migration_context) ? base.connection : base.connection_pool).migration_context.migrate
ActiveRecord::SchemaDumper.dump(ActiveRecord.version >= Gem::Version.new("7.2") ? base.connection_pool : base.connection)
