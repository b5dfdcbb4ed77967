// What docs/drivers.md says of drivers of Java: each call is an event, whose topic names driver and way; the last ones are refused. Run by
// test/t/192_drivers.t with a JDBC URL, and so are the programs of other languages beside this file.
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Map;
import java.util.UUID;
import org.apache.ibatis.annotations.Param;
import org.apache.ibatis.annotations.Select;
import org.apache.ibatis.datasource.unpooled.UnpooledDataSource;
import org.apache.ibatis.mapping.Environment;
import org.apache.ibatis.session.Configuration;
import org.apache.ibatis.session.SqlSessionFactoryBuilder;
import org.apache.ibatis.transaction.jdbc.JdbcTransactionFactory;
import org.jooq.impl.DSL;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

public class Drivers {
    static final String ORDER = "{\"item\":\"Macbook\"}", HEADERS = "{\"h\":\"v\"}";
    static final UUID ID = UUID.fromString("01930000-0000-7000-8000-000000000000");

    interface Call {
        void set(PreparedStatement statement) throws SQLException;
    }

    static void jdbc(Connection db, String topic, String placeholders, Call call) throws SQLException {
        try (var statement = db.prepareStatement("SELECT outbox.emit(" + placeholders + ")")) {
            statement.setString(1, topic);
            call.set(statement);
            statement.execute();
        } catch (SQLException error) {
            System.out.println(topic + ": " + error.getSQLState());
        }
    }

    static void jdbc(String url, String driver) throws SQLException {
        try (Connection db = DriverManager.getConnection(url)) {
            jdbc(db, driver + ".setString", "?, ?, ?, ?, ?", s -> {
                s.setString(2, "k");
                s.setString(3, ORDER);
                s.setString(4, "type");
                s.setString(5, HEADERS);
            });
            jdbc(db, driver + ".setInt", "?, ?, ?", s -> {
                s.setInt(2, 42);
                s.setObject(3, ORDER, Types.OTHER);
            });
            jdbc(db, driver + ".setLong", "?, ?, ?, ?, ?", s -> {
                s.setLong(2, 1L << 40);
                s.setString(3, ORDER);
                s.setNull(4, Types.VARCHAR);
                s.setObject(5, HEADERS, Types.OTHER);
            });
            jdbc(db, driver + ".uuid", "?, ?, ?", s -> {
                s.setObject(2, ID);
                s.setString(3, ORDER);
            });
            jdbc(db, driver + ".setBytes", "?, ?, ?", s -> {
                s.setString(2, "k");
                s.setBytes(3, new byte[] {0, -1});
            });
            jdbc(db, driver + ".BigDecimal", "?, ?, ?", s -> {
                s.setBigDecimal(2, java.math.BigDecimal.ONE);
                s.setString(3, ORDER);
            });
        }
    }

    interface Mapper {
        @Select("SELECT outbox.emit(#{topic}, #{key}, #{payload}, #{type}, #{headers})::text")
        String emit(@Param("topic") String topic, @Param("key") Object key, @Param("payload") String payload, @Param("type") String type, @Param("headers") String headers);
    }

    static void mybatis(String url) {
        var configuration = new Configuration(new Environment("test", new JdbcTransactionFactory(), new UnpooledDataSource("org.postgresql.Driver", url, null, null)));
        configuration.addMapper(Mapper.class);
        try (var session = new SqlSessionFactoryBuilder().build(configuration).openSession(true)) {
            var mapper = session.getMapper(Mapper.class);
            mapper.emit("mybatis.text", "k", ORDER, "type", HEADERS);
            mapper.emit("mybatis.int", 42, ORDER, "type", HEADERS);
        }
    }

    public static void main(String[] arguments) throws SQLException {
        String url = arguments[0];
        jdbc(url, "jdbc");
        jdbc(url + "&preferQueryMode=simple", "jdbc_simple");

        var template = new JdbcTemplate(new DriverManagerDataSource(url));
        template.queryForObject("SELECT outbox.emit(?, ?, ?, ?, ?)", UUID.class, "spring.text", "k", ORDER, "type", HEADERS);
        template.queryForObject("SELECT outbox.emit(?, ?, ?)", UUID.class, "spring.int", 42, ORDER);
        template.queryForObject("SELECT outbox.emit(?, ?, ?)", UUID.class, "spring.uuid", ID, ORDER);
        template.queryForObject("SELECT outbox.emit(?, ?, ?)", UUID.class, "spring.bytes", "k", "\u0000".getBytes(StandardCharsets.UTF_8));

        var jooq = DSL.using(url);
        jooq.fetch("SELECT outbox.emit(?, ?, ?, ?, ?)", "jooq.text", "k", ORDER, "type", HEADERS);
        jooq.fetch("SELECT outbox.emit(?, ?, ?)", "jooq.int", 42, ORDER);
        jooq.fetch("SELECT outbox.emit(?, ?, ?)", "jooq.uuid", ID, ORDER);
        jooq.fetch("SELECT outbox.emit(?, ?, ?)", "jooq.json", "k", org.jooq.JSON.valueOf(ORDER));

        mybatis(url);
    }
}
